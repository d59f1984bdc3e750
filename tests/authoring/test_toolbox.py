"""A family's programs as choices of words."""

from __future__ import annotations

import itertools

import pytest

from mle_gym.authoring.family_programs import load_programs
from mle_gym.authoring.toolbox import Toolbox
from mle_gym.errors import TaskError
from mle_gym.tasks.catalog import load_task


def test_every_program_of_a_family_can_be_written_and_nothing_else() -> None:
    toolbox = Toolbox.of("few-label-tuning")
    written = {toolbox.command(words) for words in itertools.product(*toolbox.axes)}
    assert written == {each.command for each in load_programs(load_task(toolbox.task)).program}


def test_a_task_without_such_programs_is_refused() -> None:
    with pytest.raises(TaskError, match="titanic: expected programs that differ in single words"):
        Toolbox.of("titanic")


@pytest.mark.parametrize(
    ("worst", "best", "found"), [(1.0, 0.0, 0.75), (0.0, 2.0, 0.125), (float("inf"), 0.0, -0.25)]
)
def test_more_is_better_whatever_the_metric(worst: float, best: float, found: float) -> None:
    toolbox = Toolbox("t", ("run",), (), (), worst, best)
    assert toolbox.read("validation: 0.9\nvalidation: 0.25\n") == found
    assert toolbox.read("Traceback: no validation: here") is None
    assert toolbox.read("validation: nan") is None


def test_an_error_of_a_family_is_read_as_what_is_left_to_its_worst() -> None:
    assert Toolbox.of("few-label-tuning").read("reading\nvalidation: 0.25\n") == 0.25
    assert Toolbox.of("demand").read("validation: 0.25") == 0.75

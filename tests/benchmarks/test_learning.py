"""What needs no learning, worked out by hand; and recorded outcomes beside the environment."""

from __future__ import annotations

import contextlib
import csv
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import learning, recorded_outcomes
from benchmarks.bundled_agent import bundled_agent
from tests.sandbox.docker_daemon import require

SCORES = np.array([[1.0, 0.2, 0.5], [0.0, 0.8, 0.5]])
VALIDATIONS = np.array([[0.9, 0.3, 0.6], [0.7, 0.6, 0.5]])
"""On the second variant the first program believes to be the best and is the worst."""


def test_reference_lines_are_the_best_that_needs_no_learning() -> None:
    found = {name: score.mean() for name, score in learning.references(SCORES, VALIDATIONS).items()}
    assert found == pytest.approx(
        {
            "random program": 0.5,
            "best fixed": 0.5,
            "best list of 2": 0.65,  # the second and the third: 0.5 and 0.8
            "best list of 3": 0.5,
            "all by validation": 0.5,
            "oracle": 0.9,
        }
    )


def test_climbing_changes_one_word_at_a_time_and_keeps_what_helps() -> None:
    commands = ["fit a x", "fit a y", "fit b x", "fit b y"]
    validations = np.array([[0.1, 0.3, 0.0, 0.9], [0.1, 0.2, 0.3, 0.9]])
    scores = np.array([[0.5, 0.6, 0.0, 1.0], [0.9, 0.2, 0.3, 0.1]])  # the first is best on average
    assert learning.climb(scores, validations, commands) == pytest.approx([0.6, 0.1])


def test_a_bandit_finds_the_program_that_is_the_best_on_average() -> None:
    rows: list[dict[str, Any]] = [
        {"task": "zoo", "variant": variant, "command": command, "anchored": score}
        for variant in (1, 2, -1)
        for command, score in (("a", 0.2 * variant), ("b", 0.5), ("c", 0.6 if variant < 0 else 0.1))
    ]
    assert learning.bandit(rows, "zoo", 2000, seed=0) == "b"


@pytest.mark.bubblewrap
@pytest.mark.slow("it plays a family's programs, and trains twice")
def test_on_recorded_outcomes_training_is_what_it_is_in_the_environment(tmp_path: Path) -> None:
    if find_spec("torch") is None:
        require("rl", "PyTorch is not installed: pip install 'mle-gym[rl]'")
    rows = recorded_outcomes.record("tickets", 2, 2, sandbox="bubblewrap")
    assert len(rows) == 4 * 8

    def curve(name: str, world: Any) -> list[list[str]]:
        learner = bundled_agent("feedback_policy")
        options = (
            "--tasks tickets --episodes 8 --num-envs 4 --group 2 --variants 2 --eval-variants 2"
        )
        options += f" --evaluations 1 --sandbox bubblewrap --out {tmp_path / name}"
        args = learner.parse(options.split())
        with contextlib.closing(learner.Run(args, world or learner.Environments)) as run:
            run.train()
            run.finish()
        with (tmp_path / name / "log.csv").open() as file:
            return [[*row.values()][:3] + [*row.values()][4:] for row in csv.DictReader(file)]

    played = curve("played", None)
    assert len(played) == 4
    assert curve("looked-up", partial(recorded_outcomes.Recorded, rows=rows)) == played

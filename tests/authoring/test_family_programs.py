from __future__ import annotations

import pytest

from mle_gym.authoring.family_programs import load_programs
from mle_gym.errors import TaskError
from mle_gym.tasks.catalog import load_task
from tests.learnable_family import learnable
from tests.task_folders import MakeTask

ONE = '[[program]]\nname = "one"\ncommand = "true"\n'


def test_programs_say_what_they_are_right_for(make_task: MakeTask) -> None:
    extra = f'{ONE}assumes = {{ shape = ["line", "square"] }}'
    found = load_programs(load_task(learnable(make_task, **{"programs.toml": extra})))
    (program,) = found.program
    assert program.is_right("shape", "square")
    assert program.is_right("sign", "plain") is None


def test_a_family_may_have_no_programs(make_task: MakeTask) -> None:
    folder = learnable(make_task)
    (folder / "programs.toml").unlink()
    assert load_programs(load_task(folder)).program == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[[program]]\nname = 'one'", "program.0.command: missing; expected a shell command"),
        (f"{ONE}asumes = {{}}", "program.0.asumes: unknown field; did you mean 'assumes'"),
        ("[[programs]]", "programs: unknown field; did you mean 'program'?"),
        (ONE * 2, "program.1.name: expected a name of its own, found 'one'"),
        (ONE + ONE.replace("program", "patch"), "patch.0.name: expected a name of its own"),
        (ONE.replace("one", "One!"), "program.0.name: "),
        (f"{ONE}assumes = {{ sharp = 1 }}", "assumes.sharp: expected an axis of STRUCTURES"),
        (f"{ONE}assumes = {{ shape = 'round' }}", "assumes.shape: expected a value of that axis"),
        (f"{ONE}assumes = {{ shape = ['line', 'round'] }}", "found 'round'"),
        ("[[program", "expected TOML in UTF-8"),
    ],
)
def test_a_broken_file_is_refused_by_field(make_task: MakeTask, content: str, message: str) -> None:
    task = load_task(learnable(make_task, **{"programs.toml": content}))
    with pytest.raises(TaskError) as error:
        load_programs(task)
    assert message in str(error.value)
    assert "programs.toml: " in str(error.value)

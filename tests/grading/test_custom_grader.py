"""Tasks with their own ``grade.py``."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from mle_gym.cli.grade_panel import grade_panel
from mle_gym.datasets.dataset import Dataset
from mle_gym.episode.submit_commands import SubmitCommands
from mle_gym.errors import TaskError
from mle_gym.grading.grade import Grade
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.grading.score import read_parts
from mle_gym.sandbox.protocol import Request
from mle_gym.tasks.spec import TaskSpec
from tests.tiers import few_quick

ANSWERS = "id,y,Usage\n1,3,Public\n2,5,Private\n3,7,Private\n"
PERFECT = b"id,y\n1,3\n2,5\n3,7\n"


@pytest.fixture
def grader(
    make_task: Callable[..., TaskSpec], make_dataset: Callable[[TaskSpec, str], Dataset]
) -> Callable[[str], PredictionsGrader]:
    def make(program: str) -> PredictionsGrader:
        task = make_task('id = "int", y = "int"', "own", 10.0, 0.0, grade=program)
        return PredictionsGrader(make_dataset(task, ANSWERS))

    return make


@pytest.mark.slow("graders in sandboxes start")
def test_it_sees_the_ids_and_the_rows_of_one_part(
    grader: Callable[[str], PredictionsGrader],
) -> None:
    program = """
def grade(submission, answers):
    assert list(submission.columns) == list(answers.columns) == ["id", "y"]
    assert list(submission["id"]) == list(answers["id"])
    assert list(submission.index) == list(range(len(answers)))
    return (submission["y"] - answers["y"]).abs().sum()
"""
    result = grader(program).grade(b"y,id\n9,3\n4,2\n3,1\n")
    assert (result.score, result.public_score, result.normalized) == (3.0, 0.0, 0.7)
    assert (result.metric, result.higher_is_better) == ("own", False)


def test_it_may_write_to_its_tables(grader: Callable[[str], PredictionsGrader]) -> None:
    program = """
def grade(submission, answers):
    error = float((submission["y"] - answers["y"]).abs().sum())
    submission["y"] = answers["y"] = 0
    return error
"""
    toy = grader(program)
    assert toy.grade(b"id,y\n1,3\n2,5\n3,8\n").score == 1.0
    assert toy.grade(b"id,y\n1,3\n2,5\n3,8\n").score == 1.0


REFUSALS = {
    "ValueError": ("raise ValueError('y must be odd')", "refused", "y must be odd"),
    "SubmissionError": (
        "from mle_gym.errors import SubmissionError; raise SubmissionError('even', 'y is even')",
        "even",
        "y is even",
    ),
    "NaN": ("return float('nan')", "score_not_finite", "the score of this submission is nan"),
    "inf": ("return float('inf')", "score_not_finite", "is inf"),
    "KeyError": ("return {5: 1, 7: 1}[4]", "refused", "failed on this submission (KeyError)"),
    "a library's ValueError": ("parse(answers)", "refused", "failed on this submission (JSON"),
}


def test_what_it_refuses_is_not_valid(grader: Callable[[str], PredictionsGrader]) -> None:
    chosen = "".join(
        f"    if (submission['y'] == {2 * number}).any():\n        {action}\n"
        for number, (action, _, _) in enumerate(REFUSALS.values())
    )
    program = f"""
import json

def grade(submission, answers):
{chosen}
    return 0.0

def parse(answers):
    return json.loads("answers were " + str(list(answers.y)))
"""
    toy = grader(program)
    for number, (_, code, message) in enumerate(REFUSALS.values()):
        result = toy.grade(f"id,y\n1,3\n2,{2 * number}\n3,7\n".encode())
        assert (result.valid, result.error_code, result.normalized) == (False, code, 0.0)
        assert message in result.error_message
        assert "answers were" not in result.error_message
        assert toy.grade(PERFECT).score == 0.0


def test_a_score_that_it_refuses_is_a_score_that_was_asked_for(
    grader: Callable[[str], PredictionsGrader],
) -> None:
    toy = grader("""
def grade(submission, answers):
    if submission["y"][0] == 4:
        raise ValueError("no fours")
    return 0.0
""")
    commands = SubmitCommands(toy._dataset, feedback="score", score_calls=2)
    for content, exit_code, used in (
        (b"id,y\n1,x\n", 1, 0),  # refused for its shape, which `validate` reports for free
        (b"id,y\n1,4\n2,4\n3,7\n", 1, 1),
        (PERFECT, 0, 2),
        (PERFECT, 1, 2),
    ):
        reply = commands.answer(Request("score", "submission.csv", content), 60.0)
        assert (reply.exit_code, commands.score_calls_used) == (exit_code, used), reply.output
    assert "no calls are left" in reply.output


BROKEN = {
    "syntax": ("def grade(:", r"grade\.py: expected Python that runs"),
    "import": ("import no_such_module", "no_such_module"),
    "no function": ("x = 1", "expected a function of that name"),
    "text": ("def grade(a, b): return 'good'", "answers themselves: expected a number, found str"),
    "nothing": ("def grade(a, b): pass", "expected a number, found NoneType"),
    "a truth value": ("def grade(a, b): return True", "expected a number, found bool"),
    "an error on everything": (
        "def grade(a, b): raise ValueError('bad')",
        "failed on the answers themselves: bad",
    ),
    "NaN on everything": ("def grade(a, b): return float('nan')", "failed on the answers"),
    "a wrong signature": ("def grade(a): return 1", "failed on the answers themselves: TypeError"),
}


@pytest.mark.parametrize(("program", "message"), BROKEN.values(), ids=list(BROKEN))
@pytest.mark.slow("graders in sandboxes start")
def test_a_broken_grade_py_is_the_tasks_fault(
    grader: Callable[[str], PredictionsGrader], program: str, message: str
) -> None:
    with pytest.raises(TaskError, match=message):
        grader(program).grade(PERFECT)


def test_nothing_is_left_beside_it(grader: Callable[[str], PredictionsGrader]) -> None:
    toy = grader("def grade(submission, answers): return 1.0")
    assert toy.grade(PERFECT).score == 1.0
    assert not list(toy._task.folder.glob("__pycache__"))


PARTS = """
def grade(submission, answers, private):
    weight = float((private / "deep" / "weight.txt").read_text())
    right = int((submission["y"] == answers["y"]).sum())
    parts = {"right": f"{right} of {len(answers)}", "weight": weight, "rows": len(answers)}
    return weight * right / len(answers), parts
"""


def test_a_score_may_have_named_parts_and_read_the_private_files(
    grader: Callable[[str], PredictionsGrader], tmp_path: Path
) -> None:
    toy = grader(PARTS)
    private = next(tmp_path.rglob("answers.csv")).parent
    (private / "deep").mkdir()
    (private / "deep" / "weight.txt").write_text("0.5")
    found = toy.grade(b"id,y\n1,3\n2,5\n3,8\n")
    assert found.score == 0.25
    assert found.parts == {"right": "1 of 2", "weight": 0.5, "rows": 2.0}
    assert Grade.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    older = {name: value for name, value in found.to_dict().items() if name != "parts"}
    assert Grade.from_dict(older).parts == {}
    assert toy.grade(b"nothing").parts == {}


@pytest.mark.parametrize(
    "parts",
    few_quick(
        ["3", "{'a': float('nan')}", "{'a': None}", "{'a': [1]}", "{str(n): 1 for n in range(21)}"],
        ["{'a': float('nan')}"],
        "each starts a grader of its own",
    ),
)
def test_parts_that_are_no_numbers_or_words_break_the_task(
    grader: Callable[[str], PredictionsGrader], parts: str
) -> None:
    with pytest.raises(TaskError, match="parts of the score"):
        grader(f"def grade(submission, answers): return 0.5, {parts}").grade(PERFECT)


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"a": true}', '{"a": 1e999}', '{"a\\n": 1}', '{"a": "\\u001b[31m"}', "[" * 10_000],
)
def test_hostile_parts_are_none(text: str) -> None:
    assert read_parts(text) == {}
    assert read_parts('{"a": 1, "b": "9 of 14"}') == {"a": 1, "b": "9 of 14"}


def test_parts_are_shown_with_the_score() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    found = Grade(
        "toy", 0, True, "own", True, score=0.5, parts={"seconds": 1.25, "cells": "9 of 14"}
    )
    console.print(grade_panel(found.to_dict()))
    text = console.export_text()
    assert "seconds" in text
    assert "1.25" in text
    assert "9 of 14" in text

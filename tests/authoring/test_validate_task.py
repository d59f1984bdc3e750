from __future__ import annotations

from typing import Any

import pytest

from mle_gym.authoring.check import Check
from mle_gym.authoring.validate_task import validate_task
from tests.task_folders import MakeTask, fruit

pytestmark = pytest.mark.usefixtures("own_cache")

PROGRAM = """
import pandas as pd

test = pd.read_csv("data/test.csv")
test[["id"]].assign(ripe={rule}).to_csv("submission.csv", index=False)
"""
BASELINE = PROGRAM.format(rule='(test["weight"] > 140).astype(int)')
SOLUTION = PROGRAM.format(
    rule='(test["weight"] + 20 * (test["colour"] == "red") > 105).astype(int)'
)
PROGRAMS = {"baseline.py": BASELINE, "solution.py": SOLUTION}


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


REFERENCES = {
    "floor": "the sample submission is valid and scores the floor",
    "baseline": "baseline.py scores what [reference] says",
    "solution": "solution.py scores what [reference] says",
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.slow("it runs all checks of a task")
def test_a_sound_task_passes_once_its_references_are_right(make_task: MakeTask) -> None:
    wrong = {"floor": 0.01, "baseline": 0.02, "solution": 0.03}
    folder = make_task({"reference": wrong}, files=PROGRAMS)
    found = by_name(validate_task(folder, sandbox="subprocess"))
    assert {name for name in found if not found[name].passed} == set(REFERENCES.values())
    details = {key: found[name].detail.split() for key, name in REFERENCES.items()}
    measured = {key: float(words[1].rstrip(",")) for key, words in details.items()}
    assert {words[0] for words in details.values()} == {"measured"}
    assert [words[-1] for words in details.values()] == ["0.0001", "0.02", "0.02"]
    checks = validate_task(make_task({"reference": measured}), sandbox="subprocess")
    assert [check for check in checks if not check.passed] == []
    assert len(checks) == 17


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("program", "detail"),
    [
        (None, "solution.py: expected a program, found none"),
        ("import sys; print('no luck'); sys.exit(3)", "exit code 3: no luck"),
        ("pass", "submission.csv"),
        ("open('submission.csv', 'w').write('x')", "its submission: "),
    ],
)
@pytest.mark.slow("it runs a task's programs")
def test_a_broken_program_is_told(make_task: MakeTask, program: str | None, detail: str) -> None:
    files = {"baseline.py": BASELINE} | ({"solution.py": program} if program else {})
    found = by_name(validate_task(make_task(files=files), sandbox="subprocess"))
    assert detail in found["solution.py scores what [reference] says"].detail
    assert not found["floor < baseline < solution"].passed


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.slow("it runs a task's programs")
def test_a_baseline_that_beats_the_solution_is_found(make_task: MakeTask) -> None:
    files = {"baseline.py": SOLUTION, "solution.py": BASELINE}
    found = by_name(validate_task(make_task(files=files), sandbox="subprocess"))
    assert not found["floor < baseline < solution"].passed
    assert "(higher is better)" in found["floor < baseline < solution"].detail


def test_a_target_with_one_value_is_no_task(make_task: MakeTask) -> None:
    files = {"data.csv": fruit().assign(ripe=1).to_csv(index=False)}
    found = by_name(validate_task(make_task(files=files), run_programs=False))
    check = found["the target has more than one value"]
    assert (check.passed, check.detail) == (False, "answers.csv: 'ripe' is 1 in every row")


@pytest.mark.slow("it runs all checks of a task")
def test_a_sample_that_scores_the_best_is_no_floor(make_task: MakeTask) -> None:
    files = {"grade.py": "def grade(submission, answers):\n    return 1.0"}
    changes = {"grade": {"metric": "own"}}
    found = by_name(validate_task(make_task(changes, files=files), run_programs=False))
    check = found["predictions can beat the sample submission"]
    assert (check.passed, check.detail) == (False, "it scores 1, and the best is 1")


def test_a_broken_folder_is_one_failed_check(make_task: MakeTask) -> None:
    (check,) = validate_task(make_task({"titel": "x"}))
    assert not check.passed
    assert "unknown field; did you mean 'title'?" in check.detail


def test_data_that_cannot_be_prepared_end_the_checks(make_task: MakeTask) -> None:
    checks = validate_task(make_task({"data": {"drop": ["no"]}}))
    assert [check.passed for check in checks] == [True, False]
    assert "data.drop: no column 'no'" in checks[1].detail


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        (
            {"grade": {"metric": "own", "best": 2.0}},
            "the answers score the best",
        ),
        pytest.param(
            {"reference": {"floor": 0.99, "baseline": 0.995, "solution": 0.999}},
            "the sample submission is valid and scores the floor",
            marks=pytest.mark.slow("all checks run for each"),
        ),
    ],
)
def test_scores_that_contradict_the_task_are_found(
    make_task: MakeTask, changes: dict[str, Any], check: str
) -> None:
    code = (
        "def grade(submission, answers):\n    return float((submission == answers).all(axis=None))"
    )
    files = {"grade.py": code} if "grade" in changes else {}
    found = by_name(validate_task(make_task(changes, files=files), run_programs=False))
    assert not found[check].passed, found


def test_an_unwritable_sample_is_told(make_task: MakeTask) -> None:
    code = """
def prepare(raw, public, private, rng):
    (public / "sample_submission.csv").write_text("id,ripe\\n41,7\\n")
"""
    found = by_name(validate_task(make_task(files={"prepare.py": code}), run_programs=False))
    detail = found["the sample submission is valid and scores the floor"].detail
    assert detail.startswith("not valid: ")


def test_a_variant_that_cannot_be_prepared_is_told(make_task: MakeTask) -> None:
    code = """
def prepare(raw, public, private, rng):
    assert len((public / "test.csv").read_text().splitlines()) == 21
"""
    found = by_name(validate_task(make_task(files={"prepare.py": code}), run_programs=False))
    assert "prepare() failed: AssertionError" in found["variants differ"].detail


def test_a_grader_that_fails_is_told(make_task: MakeTask) -> None:
    code = "def grade(submission, answers): return {}['x']"
    checks = validate_task(make_task(files={"grade.py": code}), run_programs=False)
    assert [check.passed for check in checks] == [True, True, False]
    assert "grade.py" in checks[-1].detail

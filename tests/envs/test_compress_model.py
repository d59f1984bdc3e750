"""The compressed network: what its page holds is counted, and only what is handed in predicts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mle_gym.datasets.dataset import DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.grading.grade import Grade
from mle_gym.tasks.catalog import load_task
from tests.grading.graders.test_program_runs import grader_of

pytestmark = pytest.mark.bubblewrap

NUMBERS = "open('nox.txt', 'w').write('\\n'.join({values}))"


@pytest.fixture
def grade() -> Callable[..., Grade]:
    """Grades a program, and further files, on the smallest dataset."""
    grader = grader_of(prepare(load_task("compress-model"), DatasetOptions(size="micro")))
    return lambda program, **files: grader.grade({"predict.py": program.encode(), **files})


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ("['180'] * 2499", "wrong_rows"),
        ("['180'] * 1_000_000", "wrong_rows"),
        ("['many'] * 2500", "not_a_number"),
    ],
)
def test_what_is_not_a_number_for_each_row_is_refused(
    grade: Callable[..., Grade], values: str, code: str
) -> None:
    assert grade(NUMBERS.format(values=values)).error_code == code


@pytest.mark.parametrize("value", ["nan", "inf", "1e300"])
def test_numbers_that_are_none_are_worth_nothing(grade: Callable[..., Grade], value: str) -> None:
    found = grade(NUMBERS.format(values=f"['{value}'] * 2500"))
    assert (found.valid, found.normalized) == (True, 0)


def test_names_of_files_count_as_what_they_hold(grade: Callable[..., Grade]) -> None:
    program = NUMBERS.format(values="['180'] * 2500")
    assert grade(program).valid
    named = {f"{number:0200}": b"" for number in range(12)}
    assert grade(program, **named).error_code == "too_large"


def test_the_office_stays_off_the_controller(grade: Callable[..., Grade]) -> None:
    program = (
        "from pathlib import Path\n"
        "left = {p.name: p.stat().st_size for p in Path('data').rglob('*') if p.is_file()}\n"
        "raise SystemExit(str({name for name, size in left.items() if size}))"
    )
    message = grade(program).error_message
    assert "readings.npy" in message
    assert "network" not in message
    assert "train" not in message
    assert "press" not in message

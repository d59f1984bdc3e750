"""The grader: any bytes get a grade, and it is the one that the documents promise."""

from __future__ import annotations

from typing import Any

import numpy as np

from mle_gym.errors import SubmissionError
from mle_gym.grading.csv import read_plain_numbers
from mle_gym.grading.csv.checked_table import id_index, parse_values
from tests.grading.toys import TOYS, Toy, as_csv
from tests.metrics import oracle

UNSCORABLE = {"score_not_finite", "out_of_range"}
"""What may be wrong with valid predictions when they are compared with the answers."""
LONGEST_MESSAGE = 700


def check(data: bytes) -> None:
    """The first byte chooses a task, the rest is submitted to it."""
    if data:
        check_submission(TOYS[data[0] % len(TOYS)], data[1:])


def check_submission(toy: Toy, content: bytes) -> None:
    """Any bytes are valid or not as the oracle says, and rows and columns have no order."""
    task = toy.task
    wanted = oracle.read(content, task.submission, toy.ids)
    careful, fast = parse(content, toy, read_plain_numbers.WORTHWHILE), parse(content, toy, 0)
    assert careful == fast
    assert (wanted is not None) == isinstance(careful, dict), careful
    grade = toy.grader.grade(content)
    if wanted is None:
        assert not grade.valid
        check_message(grade.error_message)
        return
    assert as_lists(wanted) == careful
    predicted = [wanted[name] for name in task.submission.predicted]
    if not oracle.scorable(toy.metric, toy.params, predicted):
        assert not grade.valid
        check_message(grade.error_message)
        return
    assert grade.valid or grade.error_code in UNSCORABLE, grade
    again = toy.grader.grade(turned(wanted))
    assert (again.valid, again.score, again.error_code) == (
        grade.valid, grade.score, grade.error_code,
    )  # fmt: skip


def parse(content: bytes, toy: Toy, worthwhile: int) -> dict[str, list[Any]] | str:
    """The columns, or what is wrong; ``worthwhile`` 0 makes the fast way try small files too."""
    before, read_plain_numbers.WORTHWHILE = read_plain_numbers.WORTHWHILE, worthwhile
    try:
        return as_lists(parse_values(content, toy.task.submission, id_index(toy.ids)))
    except SubmissionError as error:
        return f"{error.code}: {error.message}"
    finally:
        read_plain_numbers.WORTHWHILE = before


def as_lists(columns: Any) -> dict[str, list[Any]]:
    return {name: np.asarray(column, dtype=object).tolist() for name, column in columns.items()}


def turned(columns: dict[str, list[Any]]) -> bytes:
    """The same table with its rows and columns in reverse."""
    names = list(columns)[::-1]
    rows = zip(*(columns[name][::-1] for name in names), strict=True)
    lines = [names, *([cell if isinstance(cell, str) else repr(cell) for cell in r] for r in rows)]
    return as_csv(lines)


def check_message(message: str) -> None:
    """One line that can be shown anywhere."""
    assert message.isprintable(), message
    assert 0 < len(message) <= LONGEST_MESSAGE, message

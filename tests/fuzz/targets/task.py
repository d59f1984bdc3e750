"""``task.toml``: any file is a task that can be graded, or a TaskError that says what is wrong."""

from __future__ import annotations

import contextlib
import tempfile
from functools import lru_cache
from itertools import chain
from pathlib import Path

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.errors import DatasetError, TaskError
from mle_gym.grading.csv.hidden_answers import USAGE, parse_answers
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.tasks.load import load_folder
from mle_gym.tasks.spec import Column, SubmissionSpec, TaskSpec
from tests.grading.toys import as_csv

LONGEST_LINE = 1000
LONGEST_NAME = 100
"""Longer ones, and many of them, may be more than a submission can hold."""


@lru_cache(maxsize=1)
def folder() -> Path:
    """A task folder for as long as the process lives."""
    made = tempfile.TemporaryDirectory()
    folder.keep = made  # type: ignore[attr-defined]
    path = Path(made.name)
    (path / "description.md").write_text("A task.")
    (path / "raw.csv").write_text("id,x,y\n1,1,1\n")
    (path / "leaderboard.csv").write_text("score\n0.5\n0.25\n")
    return path


def check(data: bytes) -> None:
    """The bytes are the file."""
    (folder() / "task.toml").write_bytes(data)
    try:
        task = load_folder(folder())
    except TaskError as error:
        for line in str(error).split("\n"):
            assert line.startswith(str(folder())), line
            assert len(line) < LONGEST_LINE, line
        return
    check_usable(task)


def check_usable(task: TaskSpec) -> None:
    """A task that loads can be written down, and grades what it declares to be allowed."""
    assert TaskSpec.model_validate_json(task.model_dump_json()) == task
    content = allowed(task.submission)
    try:
        answers = parse_answers(content, task.submission, "what is allowed")
    except DatasetError:
        assert not is_plain(task.submission), content
        return
    nowhere = Dataset(task, DatasetOptions(), task.folder, task.folder, "")
    try:
        grader = PredictionsGrader(nowhere, answers)
    except TaskError:
        return
    with contextlib.suppress(TaskError):  # these answers don't suit every metric
        grader.grade(content)


def allowed(submission: SubmissionSpec) -> bytes:
    """A row for each of the values that are declared, or a sample."""
    columns = {
        name: [str(value) for value in column.values or [submission.sample_value(name)]]
        for name, column in submission.columns.items()
    }
    rows = max(map(len, columns.values()))
    columns[submission.id] = [str(row) for row in range(rows)]
    lines = [[cells[row % len(cells)] for cells in columns.values()] for row in range(rows)]
    return as_csv([list(columns), *lines])


def is_plain(submission: SubmissionSpec) -> bool:
    """Whether nothing contradicts the sample: its bounds, its sums, or what a file can hold."""
    names = [*submission.columns, *map(str, chain(*(c.values or () for c in listed(submission))))]
    return (
        not submission.sum_to_one
        and submission.columns[submission.id] in (Column(type="int"), Column(type="str"))
        and not any(c.type == "int" and (c.min, c.max) != (None, None) for c in listed(submission))
        and not any(USAGE in name or "\0" in name or len(name) > LONGEST_NAME for name in names)
    )


def listed(submission: SubmissionSpec) -> list[Column]:
    return list(submission.columns.values())

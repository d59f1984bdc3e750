"""Do answers leak: through a public file, or to somebody who can compute them?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.authoring.adversary import computable
from mle_gym.authoring.check import Check
from mle_gym.datasets.answers import USAGE
from mle_gym.datasets.keys import KEY_FILE
from mle_gym.datasets.stored_split import SPLIT_FILE
from mle_gym.datasets.tables import read_csv

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.datasets.dataset import Dataset

__all__ = ["nobody_can_compute_it", "nothing_private_in_public"]

LARGEST_SEARCHED = 50 * 2**20
"""Bytes of an unknown public file that are searched for answers."""


def nobody_can_compute_it(dataset: Dataset) -> Check:
    """Who knows the code, the source table and the public files, but not the key, learns nothing.

    See :mod:`mle_gym.authoring.attack`.
    """
    name = "ids, order and known splits say nothing"
    clue, tried = computable(dataset)
    return Check(name, not clue, clue or f"{tried}: all by chance")


def nothing_private_in_public(dataset: Dataset) -> Check:
    """No public file holds an answer, the task's key or split, nor a row that is hidden."""
    name = "nothing private is public"
    answers = read_csv(dataset.private / "answers.csv")
    paths = sorted(dataset.inputs.rglob("*"))
    problems = [_leak(path, dataset, answers) or _own_file(path, dataset) for path in paths]
    if dataset.inputs != dataset.public:
        tables = sorted(dataset.public.rglob("*.csv"))
        problems += [_shown_inputs(path, dataset, answers) for path in tables]
    found = [problem for problem in problems if problem]
    count = sum(path.is_file() for path in paths)
    return Check(name, not found, "; ".join(found) or f"searched {count} files")


def _leak(path: Path, dataset: Dataset, answers: pd.DataFrame) -> str:
    """What of the answers is in a public file; empty if nothing."""
    name = path.relative_to(dataset.inputs).as_posix()
    if path.is_dir() or name == "sample_submission.csv" or path.stat().st_size > LARGEST_SEARCHED:
        return ""
    if path.suffix == ".csv":
        return _leaking_column(name, read_csv(path), answers, dataset)
    content = path.read_bytes()
    shown = sum(
        ",".join(map(str, row)).encode() in content
        for row in answers.drop(columns=USAGE).itertuples(index=False, name=None)
    )
    return f"{name} holds {shown} of {len(answers)} answers" if shown > len(answers) / 2 else ""


def _own_file(path: Path, dataset: Dataset) -> str:
    """What of the task's own secrets is in a public file; empty if nothing."""
    if path.is_dir() or path.stat().st_size > LARGEST_SEARCHED:
        return ""
    content = path.read_bytes()
    for name in (KEY_FILE, SPLIT_FILE):
        own = dataset.task.folder / name
        if own.is_file() and own.read_bytes().strip() in content:
            return f"{path.relative_to(dataset.inputs)} holds the task's {name}"
    return ""


def _shown_inputs(path: Path, dataset: Dataset, answers: pd.DataFrame) -> str:
    """Rows to predict in a table that agents see, though only programs may; by their ids."""
    table, submission = read_csv(path), dataset.task.submission
    key = submission.id
    if key not in table.columns or submission.columns.keys() >= set(table.columns):
        return ""  # a form to fill in, or one that is filled in for the examples
    shown = int(table[key].isin(answers[key]).sum())
    return f"{path.name} shows {shown} of the hidden rows" if shown else ""


def _leaking_column(
    name: str, table: pd.DataFrame, answers: pd.DataFrame, dataset: Dataset
) -> str:  # fmt: skip
    """A column that holds the answers of test rows, found by id, whatever it is called."""
    task = dataset.task
    key = task.submission.id
    if USAGE in table.columns:
        return f"{name} says which rows are public"
    if key not in table.columns:
        return ""
    both = answers.merge(table, on=key, suffixes=("", " (public)"))
    if both.empty:
        return ""
    if name == "train.csv":
        rows = _shared_rows(table, dataset.public / "test.csv", len(both))
        return f"train.csv has {rows} rows of the test" if rows else ""
    if name == "test.csv":
        shown = {*task.submission.predicted, *(task.data.target or ())} & set(table.columns)
        if shown:
            return f"{name} has the column {sorted(shown)[0]!r}"
    for target in task.submission.predicted:
        truth = both[target].map(str)
        for column in both.columns.difference([*answers.columns]):
            if truth.nunique() > 1 and truth.equals(both[column].map(str)):
                return f"{name}: {column!r} holds the answers' {target!r}"
    return ""


def _shared_rows(train: pd.DataFrame, test: Path, same_ids: int) -> int:
    """Training rows that are test rows; ids alone don't say so where both count from 1."""
    if not test.is_file():
        return same_ids
    asked = read_csv(test)
    common = [column for column in asked.columns if column in train.columns]
    return len(train.merge(asked, on=common)) if len(common) > 1 else same_ids

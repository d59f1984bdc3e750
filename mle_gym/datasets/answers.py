"""The answers, which are a perfect submission, and the sample submission, which is a null one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mle_gym.datasets.splits import nested_order, strata
from mle_gym.datasets.tables import kind
from mle_gym.errors import DatasetError
from mle_gym.metrics import METRICS

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec
    from mle_gym.tasks.submission_schema import Column

__all__ = [
    "USAGE",
    "check_answers",
    "empty_is_a_value",
    "label_columns",
    "make_answers",
    "sample_submission",
    "with_usage",
]

USAGE = "Usage"
"""The answers' last column: which rows give feedback ("Public"), which the result ("Private"), and
which count nowhere ("Ignored")."""


def make_answers(task: TaskSpec, test: pd.DataFrame) -> pd.DataFrame:
    """Id and targets of the test rows, or one 0/1 column a class, as a perfect submission.

    Raises:
        DatasetError: A class of the target has no column in the submission, or a column no class.
    """
    submission = task.submission
    if not task.class_columns:
        return test[list(submission.columns)]
    (target,) = task.data.target or ("",)
    columns = label_columns(task, sorted({str(value) for value in test[target]}))
    one_hot = {name: (test[target].map(str) == label) for label, name in columns.items()}
    return test[[submission.id]].assign(
        **{
            name: one_hot[name].astype(int) if name in one_hot else 0
            for name in submission.predicted
        }
    )


def label_columns(task: TaskSpec, labels: list[str]) -> dict[str, str]:
    """The submission's probability column of each class.

    Raises:
        DatasetError: A class has no column.
    """
    (target,) = task.data.target or ("",)
    columns = {}
    for label in labels:
        names = [n for n in (label, f"{target}_{label}") if n in task.submission.predicted]
        if not names:
            raise DatasetError(
                f"{task.folder / 'task.toml'}: submission.columns: expected a column {label!r} or "
                f"'{target}_{label}' for that class, found {', '.join(task.submission.predicted)}"
            )
        columns[label] = names[0]
    return columns


def empty_is_a_value(task: TaskSpec, target: str) -> bool:
    """Whether an empty cell of a target is an answer, such as the mask of an image without object.

    It is where the submission's column accepts any text and the metric reads what the text says; a
    class without a name is a missing value, unless it is declared.
    """
    column = task.submission.columns.get(target)
    if column is None or column.type != "str":
        return False
    if column.values is not None:
        return "" in column.values
    metric = METRICS.get(task.grade.metric)
    return task.hook("grade") is not None or metric is None or metric.kind != "label"


def check_answers(task: TaskSpec, answers: pd.DataFrame) -> None:
    """Check that the answers are a submission that the task's own schema accepts.

    Raises:
        DatasetError: Names the column and the first value that doesn't fit.
    """
    columns = task.submission.columns
    found = [name for name in answers.columns if name != USAGE]
    if found != list(columns):
        raise DatasetError(
            f"{task.id}: the answers' columns: expected {list(columns)}, found {found}"
        )
    ids = answers[task.submission.id]
    if ids.duplicated().any() or not len(answers):
        raise DatasetError(f"{task.id}: the answers: expected rows with ids that differ")
    for name, column in columns.items():
        problem = _misfit(answers[name], column)
        if problem:
            where = task.folder / "task.toml"
            raise DatasetError(f"{where}: submission.columns.{name}: the answers have {problem}")


def _misfit(values: pd.Series[Any], column: Column) -> str:
    """What about the true values contradicts the column's declaration; empty if nothing."""
    if column.type != "str" and values.isna().any():
        return "missing values"
    found = kind(values)
    if column.type == "str":
        if column.values is None:
            return ""
        unknown = set(map(str, values.fillna(""))) - set(map(str, column.values))
        return f"{sorted(unknown)[0]!r}, which is none of its values" if unknown else ""
    if found not in (("integer",) if column.type == "int" else ("integer", "number")):
        return f"{found} values, not {column.type}"
    if column.values is not None and not values.isin(column.values).all():
        unknown = set(values) - set(column.values)
        return f"{sorted(unknown)[0]!r}, which is none of its values"
    low = 0.0 if column.type == "probability" else column.min
    high = 1.0 if column.type == "probability" else column.max
    if low is not None and values.min() < low:
        return f"{values.min()}, below {low}"
    if high is not None and values.max() > high:
        return f"{values.max()}, above {high}"
    return ""


def with_usage(
    task: TaskSpec, answers: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:  # fmt: skip
    """Answers whose last column says which rows are public; stratified where the split is.

    A ``prepare.py`` may write that column itself, or only ``Ignored`` where a row is to count
    nowhere and leave the other cells empty.
    """
    given = answers[USAGE] if USAGE in answers.columns else None
    if given is not None and not given.isna().any():
        return answers
    open_rows = np.arange(len(answers)) if given is None else np.flatnonzero(given.isna())
    counted = answers.iloc[open_rows]
    labels = strata(counted, task.submission.predicted) if task.data.stratify else None
    order = open_rows[nested_order(labels, rng, len(counted))]
    public = min(round(task.grade.public_fraction * len(counted)), len(counted) - 1)
    usage = np.full(len(answers), "Private", dtype=object)
    if given is not None:
        usage[given.notna()] = given[given.notna()]
    usage[order[:public]] = "Public"
    return answers.assign(**{USAGE: usage})


def sample_submission(task: TaskSpec, answers: pd.DataFrame) -> pd.DataFrame:
    """A valid submission that knows nothing: the answers' ids and each column's sample value."""
    submission = task.submission
    values = {name: submission.sample_value(name) for name in submission.predicted}
    constant = pd.DataFrame(values, index=answers.index)
    return pd.concat([answers[[submission.id]], constant], axis=1)

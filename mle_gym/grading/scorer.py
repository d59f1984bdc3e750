"""What turns a table of predictions into a number: a metric, or the task's own ``grade.py``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mle_gym.errors import DatasetError, SubmissionError, TaskError
from mle_gym.grading.columns import Values
from mle_gym.grading.metrics import Metric, get_metric
from mle_gym.grading.metrics.base import Misfit
from mle_gym.grading.reader import show
from mle_gym.grading.submission import build_table

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Scorer", "Table", "load_scorer"]

Table = Mapping[str, Values]
"""Columns by name, of the same length, id included."""

LONGEST_REASON = 300
"""Characters of a ``grade.py``'s own message that are passed on."""


class Scorer(Protocol):
    """Scores columns that :func:`~mle_gym.grading.submission.parse_values` has checked."""

    @property
    def higher_is_better(self) -> bool:
        """The direction of the score."""

    def check(self, submission: Table) -> None:
        """Refuse what can't be scored, by looking at the submission alone.

        Raises:
            SubmissionError: Says what can't be scored.
        """

    def interval(
        self, submission: Table, answers: Table, rows: Values
    ) -> tuple[float, float] | None:  # fmt: skip
        """An interval of that number over resampled rows; None where there is none."""

    def score(self, submission: Table, answers: Table, rows: Values) -> float:
        """A finite number for some rows of two tables with the same ids in the same order.

        Raises:
            SubmissionError: The submission can't be scored.
            TaskError: The metric's parameters, the answers or the ``grade.py`` are broken.
        """


@dataclass(frozen=True)
class MetricScorer:
    """A declared metric."""

    metric: Metric
    params: dict[str, Any]
    columns: list[str]
    """The predicted ones."""
    id: str
    """The column that names the row."""

    @property
    def higher_is_better(self) -> bool:
        """The metric's direction."""
        return self.metric.higher_is_better

    def check(self, submission: Table) -> None:
        """Run the metric's own check of predictions."""
        predicted = self.metric.array([submission[name] for name in self.columns])
        try:
            self.metric.check(predicted, **self.params)
        except Misfit as error:
            where = ""
            if error.row is not None:  # the file's order is lost, so the id has to name the row
                where = f" in the row with {self.id} {show(submission[self.id][error.row])}"
            raise SubmissionError(
                error.code,
                f"column {self.columns[error.column]!r}: found {error.found}{where}; "
                f"expected {error.expected}",
            ) from None

    def score(self, submission: Table, answers: Table, rows: Values) -> float:
        """Apply the metric to the predicted columns."""
        truth = self.metric.array([answers[name][rows] for name in self.columns])
        predicted = self.metric.array([submission[name][rows] for name in self.columns])
        return self.metric.score(truth, predicted, **self.params)

    def interval(
        self, submission: Table, answers: Table, rows: Values
    ) -> tuple[float, float] | None:  # fmt: skip
        """The middle 95% of the scores of resampled rows; None where too few draws have one."""
        from mle_gym.grading.bootstrap import score_interval

        truth = self.metric.array([answers[name][rows] for name in self.columns])
        predicted = self.metric.array([submission[name][rows] for name in self.columns])
        return score_interval(self.metric, truth, predicted, self.params)


@dataclass(frozen=True)
class CustomScorer:
    """A task's ``grade(submission, answers) -> float``, with MLE-bench's signature.

    Both tables hold the columns of the submission, id included, in the order of the answers. To
    refuse a submission it raises ValueError or SubmissionError with a reason that quotes no answer;
    a result that is NaN or infinite refuses it too, and so does any other failure, without its
    text. Whenever it refuses, it is asked to grade the answers themselves: if that fails as well,
    the task is broken and not the submission.
    """

    function: Callable[[pd.DataFrame, pd.DataFrame], object]
    path: Path
    higher_is_better: bool

    def interval(self, submission: Table, answers: Table, rows: Values) -> None:
        """None: drawn rows repeat ids, which a ``grade.py`` need not bear."""

    def check(self, submission: Table) -> None:
        """Nothing: a ``grade.py`` looks at submission and answers at once."""

    def score(self, submission: Table, answers: Table, rows: Values) -> float:
        """Call the function on tables of its own, since it may write to them."""
        try:
            return self._call(submission, answers, rows)
        except (TaskError, DatasetError):
            raise
        except SubmissionError:
            self._check_answers(answers, rows)
            raise
        except Exception as error:
            self._check_answers(answers, rows)
            raise self._refusal(error) from error

    def _call(self, submission: Table, answers: Table, rows: Values) -> float:
        first, second = (
            build_table({name: column[rows] for name, column in table.items()})
            for table in (submission, answers)
        )
        result = self.function(first, second)
        if isinstance(result, bool) or not isinstance(result, (int, float, np.number)):
            raise TaskError(f"{self.path}: grade: expected a number, found {type(result).__name__}")
        score = float(result)
        if not math.isfinite(score):
            raise SubmissionError("score_not_finite", f"the score of this submission is {score}")
        return score

    def _check_answers(self, answers: Table, rows: Values) -> None:
        try:
            self._call(answers, answers, rows)
        except TaskError:
            raise
        except Exception as error:
            raise TaskError(
                f"{self.path}: grade: failed on the answers themselves: {error!r}"
            ) from error

    def _refusal(self, error: Exception) -> SubmissionError:
        """Only what ``grade.py`` itself says is for the agent; a library may quote an answer."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        own = trace is not None and trace.tb_frame.f_code.co_filename == str(self.path)
        if own and isinstance(error, ValueError):
            return SubmissionError("refused", str(error)[:LONGEST_REASON])
        kind = type(error).__name__
        return SubmissionError("refused", f"the task's grader failed on this submission ({kind})")


def load_scorer(task: TaskSpec) -> Scorer:
    """The task's ``grade.py`` if it has one, else its metric.

    Raises:
        TaskError: Unknown metric, or a ``grade.py`` that doesn't run.
    """
    path = task.hook("grade")
    if path is not None:
        function = _load_function(path, path.stat().st_mtime_ns)
        return CustomScorer(function, path, task.grade.higher_is_better)
    columns = list(task.submission.predicted)
    metric, params = get_metric(task.grade.metric), dict(task.grade.params)
    return MetricScorer(metric, params, columns, task.submission.id)


@lru_cache(maxsize=64)
def _load_function(path: Path, _mtime_ns: int) -> Callable[..., object]:
    from mle_gym.tasks.hooks import load_hook

    return load_hook(path, "grade")

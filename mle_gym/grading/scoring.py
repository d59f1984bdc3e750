"""What turns a table of predictions into a number: a metric, or the task's own ``grade.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mle_gym.errors import SubmissionError
from mle_gym.grading.csv.typed_columns import Values
from mle_gym.grading.grader_code.code_and_limits import GraderCode
from mle_gym.grading.grader_code.grader_pool import GraderPool, shared_grader
from mle_gym.grading.grader_code.sandboxed_grader import Table
from mle_gym.metrics import Metric, get_metric
from mle_gym.metrics.metric import Misfit
from mle_gym.text import show

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Scorer", "Table", "load_scorer"]


class Scorer(Protocol):
    """Scores columns that :func:`~mle_gym.grading.csv.checked_table.parse_values` has checked."""

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
        from mle_gym.grading.score_interval import score_interval

        truth = self.metric.array([answers[name][rows] for name in self.columns])
        predicted = self.metric.array([submission[name][rows] for name in self.columns])
        return score_interval(self.metric, truth, predicted, self.params)


@dataclass(frozen=True)
class CodeScorer:
    """A task's ``grade(submission, answers) -> float``, with MLE-bench's signature.

    It runs in a sandbox (:mod:`mle_gym.grading.grader_code.sandboxed_grader`). Both tables hold the
    columns of the submission, id included, in the order of the answers. To refuse a submission it
    raises ValueError or SubmissionError with a reason that quotes no answer; a result that is NaN
    or infinite refuses it too, and so does any other failure, without its text. Whenever it
    refuses, it is asked to grade the answers themselves: if that fails as well, the task is broken
    and not the submission.
    """

    sandbox: GraderPool
    higher_is_better: bool

    def interval(self, submission: Table, answers: Table, rows: Values) -> None:
        """None: drawn rows repeat ids, which a ``grade.py`` need not bear."""

    def check(self, submission: Table) -> None:
        """Nothing: a ``grade.py`` looks at submission and answers together."""

    def score(self, submission: Table, answers: Table, rows: Values) -> float:
        """Have the sandbox call the function."""
        return self.sandbox.score_table(submission, answers, rows)


def load_scorer(task: TaskSpec, sandbox: str = "auto") -> Scorer:
    """The task's ``grade.py`` if it has one, else its metric.

    Args:
        task: The task.
        sandbox: Where a ``grade.py`` runs if no isolating sandbox can be had.

    Raises:
        TaskError: Unknown metric.
    """
    if task.hook("grade") is not None:
        code = GraderCode.of(task, "grade", sandbox)
        return CodeScorer(shared_grader(code), task.grade.higher_is_better)
    columns = list(task.submission.predicted)
    metric, params = get_metric(task.grade.metric), dict(task.grade.params)
    return MetricScorer(metric, params, columns, task.submission.id)

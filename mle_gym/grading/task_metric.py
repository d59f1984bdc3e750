"""How a task turns a table of predictions into a number: a metric, or its own ``grade.py``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mle_gym.errors import SubmissionError
from mle_gym.grading.csv.typed_columns import Values
from mle_gym.grading.grader_code.code_and_limits import GraderCode
from mle_gym.grading.grader_code.code_sandbox_pool import CodeSandboxPool, shared_pool
from mle_gym.grading.grader_code.into_sandbox import Table
from mle_gym.grading.score import Score
from mle_gym.grading.score_interval import quick_score, score_interval
from mle_gym.metrics import Metric, get_metric
from mle_gym.metrics.metric import UnscorablePrediction
from mle_gym.text import show

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Table", "TaskMetric", "load_task_metric"]


class TaskMetric(Protocol):
    """How a task scores tables of predictions.

    The columns have passed :func:`~mle_gym.grading.csv.checked_table.parse_values`.
    """

    @property
    def higher_is_better(self) -> bool:
        """The direction of the score."""

    def check(self, submission: Table) -> None:
        """Refuse what can't be scored, by looking at the submission alone.

        Raises:
            SubmissionError: Says what can't be scored.
        """

    def score(self, submission: Table, answers: Table, rows: Values) -> Score:
        """A finite score for some rows of two tables with the same ids in the same order.

        Raises:
            SubmissionError: The submission can't be scored.
            TaskError: The metric's parameters, the answers or the ``grade.py`` are broken.
        """

    def quick_score(self, submission: Table, answers: Table, rows: Values) -> float:
        """That number but for rounding, for many submissions; it need not be finite."""

    def interval(
        self, submission: Table, answers: Table, rows: Values
    ) -> tuple[float, float] | None:
        """An interval of that number over resampled rows; None where there is none."""


@dataclass(frozen=True)
class DeclaredMetric:
    """The metric that the task names."""

    metric: Metric
    params: dict[str, Any]
    columns: list[str]
    """Those that hold predictions."""
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
        except UnscorablePrediction as error:
            where = ""
            if error.row is not None:  # the file's order is lost, so the id has to name the row
                where = f" in the row with {self.id} {show(submission[self.id][error.row])}"
            raise SubmissionError(
                error.code,
                f"column {self.columns[error.column]!r}: found {error.found}{where}; "
                f"expected {error.expected}",
            ) from None

    def score(self, submission: Table, answers: Table, rows: Values) -> Score:
        """Apply the metric to the predicted columns."""
        truth, predicted = self._arrays(submission, answers, rows)
        return Score(self.metric.score(truth, predicted, **self.params))

    def quick_score(self, submission: Table, answers: Table, rows: Values) -> float:
        """That score in the quick way of its interval, if there is one."""
        truth, predicted = self._arrays(submission, answers, rows)
        quick = quick_score(self.metric, truth, predicted, self.params)
        return self.metric.score(truth, predicted, **self.params) if quick is None else quick

    def interval(
        self, submission: Table, answers: Table, rows: Values
    ) -> tuple[float, float] | None:  # fmt: skip
        """The middle 95% of the scores of resampled rows; None where too few draws have one."""
        return score_interval(self.metric, *self._arrays(submission, answers, rows), self.params)

    def _arrays(self, submission: Table, answers: Table, rows: Values) -> tuple[Values, Values]:
        """Truth and prediction as the metric takes them."""
        truth, predicted = (
            self.metric.array([table[name][rows] for name in self.columns])
            for table in (answers, submission)
        )
        return truth, predicted


@dataclass(frozen=True)
class CustomMetric:
    """A task's ``grade(submission, answers) -> float``, with MLE-bench's signature.

    It may return ``(score, parts)``, and may have a third parameter: the private folder.

    It runs in a sandbox (:mod:`mle_gym.grading.grader_code.code_sandbox`). Both tables hold the
    columns of the submission, id included, in the order of the answers. To refuse a submission it
    raises ValueError or SubmissionError with a reason that quotes no answer; a result that is NaN
    or infinite refuses it too, and so does any other failure, without its text. Whenever it
    refuses, it is asked to grade the answers themselves: if that fails as well, the task is broken
    and not the submission.
    """

    sandboxes: CodeSandboxPool
    higher_is_better: bool
    private: Path | None = None
    """The dataset's private folder, for a function with a third parameter."""

    def interval(self, submission: Table, answers: Table, rows: Values) -> None:
        """None: resampled rows repeat ids, which a ``grade.py`` may not expect."""

    def check(self, submission: Table) -> None:
        """Does nothing: a ``grade.py`` only looks at submission and answers together."""

    def score(self, submission: Table, answers: Table, rows: Values) -> Score:
        """Call the function in its sandbox."""
        return self.sandboxes.score_table(submission, answers, rows, self.private)

    def quick_score(self, submission: Table, answers: Table, rows: Values) -> float:
        """The same."""
        return self.score(submission, answers, rows).value


def load_task_metric(
    task: TaskSpec, sandbox: str = "auto", private: Path | None = None
) -> TaskMetric:  # fmt: skip
    """The task's ``grade.py`` if it has one, otherwise the metric that it names.

    Args:
        task: The task.
        sandbox: Where a ``grade.py`` runs if no isolating sandbox can be had.
        private: The dataset's private folder, if there is one.

    Raises:
        TaskError: Unknown metric.
    """
    if task.hook("grade") is not None:
        code = GraderCode.of(task, "grade", sandbox)
        return CustomMetric(shared_pool(code), task.grade.higher_is_better, private)
    columns = list(task.submission.predicted)
    metric, params = get_metric(task.grade.metric), dict(task.grade.params)
    return DeclaredMetric(metric, params, columns, task.submission.id)

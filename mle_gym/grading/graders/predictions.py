"""Grades a CSV file of predictions."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mle_gym.datasets.keys import KEY_FILE, generator
from mle_gym.errors import SubmissionError
from mle_gym.grading.csv.checked_table import parse_values
from mle_gym.grading.csv.hidden_answers import Answers, load_answers, load_ids
from mle_gym.grading.csv.most_bytes import most_bytes
from mle_gym.grading.csv.read_text_columns import too_large
from mle_gym.grading.csv.typed_columns import Values
from mle_gym.grading.floor_and_ceiling import SAMPLE, Anchors
from mle_gym.grading.grade import Grade, Validation
from mle_gym.grading.graders.grade_maker import GradeMaker, Measured
from mle_gym.grading.guesses import best_guess
from mle_gym.grading.score import Score
from mle_gym.grading.task_metric import Table, load_task_metric

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.datasets.dataset import Dataset

__all__ = ["PredictionsGrader"]


class PredictionsGrader:
    """Grades submissions for one dataset.

    As every :class:`~mle_gym.grading.graders.grader.Grader`, it raises nothing for any content.

    Args:
        dataset: What to grade against; its answers are read once per process.
        answers: Answers to use in place of the dataset's own.
        score_ci: Whether grades have an interval of the score over resampled test rows, which costs
            milliseconds for a thousand rows and seconds for a million.
        sandbox: Where a ``grade.py`` runs if no isolating sandbox can be had.

    Raises:
        TaskError: The task's metric, parameters or medals are broken.
    """

    def __init__(
        self,
        dataset: Dataset,
        answers: Answers | None = None,
        *,
        score_ci: bool = False,
        sandbox: str = "auto",
    ) -> None:
        self._dataset = dataset
        self._task = dataset.task
        self._given = answers
        self._score_ci = score_ci
        self._caps: dict[int, int] = {}
        own = dataset.private if dataset.digest and answers is None else None
        self._metric = load_task_metric(self._task, sandbox, own)
        self._grades = GradeMaker(
            dataset, self._metric.higher_is_better, self._private_score, luck=self._luck
        )

    @property
    def anchors(self) -> Anchors:
        """The dataset's floor and ceiling, as far as they are known without running a program."""
        return self._grades.anchors

    def grade(self, content: bytes | None, /) -> Grade:
        """Grade a submission; None stands for no submission at all.

        Raises:
            DatasetError: The answers are missing or broken.
            TaskError: The ``grade.py`` or the metric's parameters are broken.
            SandboxError: The sandbox that a ``grade.py`` runs in can't be had.
        """
        return self._grades.grade(content, self._measure)

    def refuse(self, error: SubmissionError, sha256: str = "") -> Grade:
        """The grade of a submission that can't be graded, for that reason."""
        return self._grades.refuse(error, sha256)

    def validate(self, content: bytes, /) -> Validation:
        """Check the format alone, against the sample submission; no answer is looked at."""
        try:
            self._parse(content, self._sample_ids)
        except SubmissionError as error:
            return Validation(False, error.code, error.message)
        return Validation(True)

    def promising(self, content: bytes, /) -> bool:
        """Whether it is valid and may know something: it is neither the sample nor a constant.

        Like :meth:`validate` it looks at the submission and the sample, and at no answer.
        """
        try:
            submission = self._parse(content, self._sample_ids)
        except SubmissionError:
            return False
        if self._is_constant(submission):
            return False
        predicted = [submission[name] for name in self._task.submission.predicted]
        sample = self._sample
        return sample is None or not all(map(_equal, predicted, sample))

    def public_score(self, content: bytes, /) -> float:
        """The score on the public part, for feedback.

        Raises:
            SubmissionError: The submission can't be graded, or this dataset has no public part.
        """
        submission = self._parse(content, self._answers.ids)
        if not len(self._answers.public):
            raise SubmissionError("no_public_part", "this dataset has no public part to score on")
        try:
            return self._score(submission, self._answers.public).value
        except SubmissionError as error:
            error.saw_answers = True
            raise

    @cached_property
    def _answers(self) -> Answers:
        if self._given is not None:
            return self._given
        return load_answers(self._dataset.private / "answers.csv", self._task.submission)

    @cached_property
    def _sample_ids(self) -> pd.Index:
        sample = self._dataset.inputs / SAMPLE
        # A dataset that was made by hand may have answers alone.
        if self._given is not None or not sample.is_file():
            return self._answers.ids
        return load_ids(sample, self._task.submission)

    @cached_property
    def _sample(self) -> list[Values] | None:
        """The sample submission's predictions; None if it has none for these rows."""
        try:
            content = (self._dataset.inputs / SAMPLE).read_bytes()
            sample = self._parse(content, self._sample_ids)
        except (OSError, SubmissionError):
            return None
        return [sample[name] for name in self._task.submission.predicted]

    def _parse(self, content: bytes, ids: pd.Index) -> Table:
        if len(content) > (most := self._most_bytes(ids)):
            shape = f"{len(ids):,} rows and {len(self._task.submission.columns):,} columns"
            raise too_large(content, f"a submission of {shape} can be: {most:,} bytes")
        submission = parse_values(content, self._task.submission, ids)
        self._metric.check(submission)
        return submission

    def _measure(self, content: bytes) -> Measured:
        submission = self._parse(content, self._answers.ids)
        found = self._score(submission, self._answers.private)
        return Measured(
            score=found.value,
            parts=found.parts,
            rows=len(self._answers.ids),
            public_score=self._public_score(submission),
            score_ci=self._interval(submission) if self._score_ci else None,
            is_constant=self._is_constant(submission),
        )

    def _most_bytes(self, ids: pd.Index) -> int:
        """Of a submission with these rows; the answers' and the sample's, which this object has."""
        known = self._caps.get(id(ids))
        if known is None:
            known = self._caps[id(ids)] = most_bytes(self._task.submission, ids)
        return known

    def _score(self, submission: Table, rows: Values) -> Score:
        return self._metric.score(submission, self._answers.values, rows)

    def _is_constant(self, submission: Table) -> bool:
        """Whether it predicts the same for every row."""
        columns = (submission[name] for name in self._task.submission.predicted)
        return all((column == column[0]).all() for column in columns)

    def _private_score(self, content: bytes) -> float:
        return self._score(self._parse(content, self._answers.ids), self._answers.private).value

    def _luck(self) -> float | None:
        """The score of guesses that know nothing, except for the luckiest of them."""
        # A dataset that was made by hand may have no key, which preparing one requires.
        if not (self._task.folder / KEY_FILE).is_file():
            return None
        rng = generator(self._task, self._dataset.options.variant, "floor")
        answers, spec = self._answers, self._task.submission
        return best_guess(self._metric, spec, answers.values, answers.private, rng)

    def _interval(self, submission: Table) -> tuple[float, float] | None:
        return self._metric.interval(submission, self._answers.values, self._answers.private)

    def _public_score(self, submission: Table) -> float | None:
        """None also if this part alone can't be scored: it is feedback, not the result."""
        rows = self._answers.public
        try:
            return self._score(submission, rows).value if len(rows) else None
        except SubmissionError:
            return None


def _equal(one: Values, other: Values) -> bool:
    """Whether two columns are equal, however their numbers were written."""
    if one.dtype.kind in "if" and other.dtype.kind in "if":
        return bool(np.allclose(one, other, rtol=1e-5, atol=1e-9))
    return bool((one == other).all())

"""Grades one dataset's submissions as MLE-bench would."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.datasets.dataset import MLE_BENCH
from mle_gym.errors import DatasetError, SubmissionError, TaskError
from mle_gym.grading.csv.read_text_columns import too_large
from mle_gym.grading.floor_and_ceiling import SAMPLE
from mle_gym.grading.grade import Grade, Validation
from mle_gym.grading.graders.grade_maker import GradeMaker, Measured
from mle_gym.grading.parity.mle_bench_csv import read_like_mle_bench
from mle_gym.grading.parity.mle_bench_rules import RULES, Rule, parity_score

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.datasets.anchors import Anchors
    from mle_gym.datasets.dataset import Dataset

__all__ = ["ParityGrader", "parity_rule"]


def parity_rule(task_id: str) -> Rule:
    """The rule of a task.

    Raises:
        TaskError: The task has none.
    """
    if task_id not in RULES:
        raise TaskError(
            f"task {task_id!r} has no parity grader: parity is for the {len(RULES)} competitions "
            "of MLE-bench's Lite split; leave it out for strict grading"
        )
    return RULES[task_id]


def _answers_file(dataset: Dataset) -> Path:
    """MLE-bench's own answers where the dataset keeps them beside ours."""
    theirs = dataset.private / MLE_BENCH
    return theirs if theirs.is_file() else dataset.private / "answers.csv"


class ParityGrader:
    """Grades as MLE-bench does: every row counts and its quirks are kept.

    Args:
        dataset: What to grade against.
        answers: A file of answers to use in place of the dataset's own, ours or MLE-bench's.

    Raises:
        TaskError: The task has no parity grader.
        DatasetError: The dataset is obfuscated: MLE-bench looks for the columns' real names.
    """

    def __init__(self, dataset: Dataset, answers: Path | None = None) -> None:
        self._rule = parity_rule(dataset.task.id)
        if dataset.options.obfuscate:
            raise DatasetError(f"{dataset.task.id}: parity: not for an obfuscated dataset")
        self._path = _answers_file(dataset) if answers is None else answers
        self._dataset = dataset
        higher = dataset.task.grade.higher_is_better
        self._grades = GradeMaker(dataset, higher, self._score, "parity")

    @property
    def anchors(self) -> Anchors:
        """The dataset's floor and ceiling under this kind of grading."""
        return self._grades.anchors

    def validate(self, content: bytes, /) -> Validation:
        """Whether MLE-bench would score it, which its graders find out by scoring it."""
        try:
            self._score(content)
        except SubmissionError as error:
            return Validation(False, error.code, error.message)
        return Validation(True)

    def promising(self, content: bytes, /) -> bool:
        """Whether it has a score and is not the sample submission."""
        sample = self._dataset.public / SAMPLE
        is_sample = sample.is_file() and content == sample.read_bytes()
        return not is_sample and self.validate(content).valid

    def public_score(self, content: bytes, /) -> float:
        """There is none: every row counts.

        Raises:
            SubmissionError: Always.
        """
        raise SubmissionError("no_public_part", "MLE-bench scores all rows together")

    def grade(self, content: bytes | None, /) -> Grade:
        """Grade a submission; None stands for no submission at all.

        Raises:
            DatasetError: The answers are missing.
        """
        return self._grades.grade(content, self._measure)

    def refuse(self, error: SubmissionError, sha256: str = "") -> Grade:
        """The grade of a submission that can't be graded, for the reason given."""
        return self._grades.refuse(error, sha256)

    def _measure(self, content: bytes) -> Measured:
        return Measured(self._score(content), len(self._answers))

    def _score(self, content: bytes) -> float:
        most = self._dataset.task.submission.max_bytes
        if len(content) > most:
            raise too_large(content, f"the {most:,} bytes that are allowed")
        return parity_score(self._rule, content, self._answers)

    @cached_property
    def _answers(self) -> pd.DataFrame:
        try:
            return read_like_mle_bench(self._path.read_bytes())
        except OSError as error:
            reason = error.strerror
        except SubmissionError as error:
            reason = error.message
        raise DatasetError(f"{self._path}: expected a readable CSV file, found: {reason}")

"""Grades one dataset's submissions as MLE-bench would, with everything else a grade tells."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.datasets.answers import MLE_BENCH
from mle_gym.errors import DatasetError, SubmissionError, TaskError
from mle_gym.grading.graders.grader import Marker
from mle_gym.grading.parity.mle_bench_csv import read_like_mle_bench
from mle_gym.grading.parity.mle_bench_rules import RULES, Rule, parity_score

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.datasets.dataset import Dataset
    from mle_gym.grading.grade import Grade

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
        self._marker = Marker.load(
            dataset, dataset.task.grade.higher_is_better, self._score, "parity"
        )

    def grade(self, content: bytes | None) -> Grade:
        """Grade a submission; None stands for no submission at all.

        Raises:
            DatasetError: The answers are missing.
        """
        sha256 = "" if content is None else hashlib.sha256(content).hexdigest()
        try:
            score = self._score(content)
        except SubmissionError as error:
            return self._marker.refuse(error, sha256)
        return self._marker.mark(score, sha256, len(self._answers))

    def refuse(self, error: SubmissionError, sha256: str = "") -> Grade:
        """The grade of a submission that can't be graded, for that reason."""
        return self._marker.refuse(error, sha256)

    def _score(self, content: bytes | None) -> float:
        if content is None:
            raise SubmissionError("missing_submission", "there is no submission")
        most = self._dataset.task.submission.max_bytes
        if len(content) > most:
            raise SubmissionError("too_large", f"found over {most:,} bytes, which is the most")
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

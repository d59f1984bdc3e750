"""Makes a :class:`Grade` out of a score, or of the reason why there is none: for every grader."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from mle_gym.errors import SubmissionError
from mle_gym.grading.floor_and_ceiling import SAMPLE, Anchors, find_anchors
from mle_gym.grading.grade import Grade
from mle_gym.grading.leaderboard import (
    above_median,
    better,
    human_boards,
    human_rank,
    medal,
    percentile,
    rank,
    standards,
)
from mle_gym.grading.score import Part

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset

__all__ = ["GradeMaker", "Measured"]


@dataclass(frozen=True)
class Measured:
    """What a grader found out about a submission that can be graded."""

    score: float
    """On the private part of the answers."""
    rows: int = 0
    """Rows of the submission; 0 where only a ``grade.py`` can read it."""
    public_score: float | None = None
    score_ci: tuple[float, float] | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    is_constant: bool = False
    """Whether it predicts the same for every row."""


class GradeMaker:
    """Makes the grades for one dataset; the same for every kind of grader.

    Args:
        dataset: What is graded against.
        higher_is_better: The direction of the score.
        score: Scores the content of a submission, as for a grade.
        grader: How scores are found: ``"strict"`` or ``"parity"``.
        luck: What guesses reach; None where only whole files can be scored.
        sample: Reads the sample submission, where it is no CSV file.

    Raises:
        TaskError: The task's leaderboard can't be read.
    """

    def __init__(
        self,
        dataset: Dataset,
        higher_is_better: bool,
        score: Callable[[bytes], float],
        grader: str = "strict",
        luck: Callable[[], float | None] | None = None,
        sample: Callable[[], bytes] | None = None,
    ) -> None:
        self.dataset, self.higher_is_better = dataset, higher_is_better
        self.score, self.grader, self.luck = score, grader, luck
        self.sample = sample or (dataset.inputs / SAMPLE).read_bytes
        self.board, self.thresholds = standards(dataset.task)
        self.human_boards = human_boards(dataset.task)

    @cached_property
    def anchors(self) -> Anchors:
        """The dataset's floor and ceiling, as far as they are known without running a program."""
        gold = self.thresholds.gold
        return find_anchors(
            self.dataset, self.grader, self.score, gold, self.luck, sample=self.sample
        )

    def grade(self, content: bytes | None, measure: Callable[[bytes], Measured]) -> Grade:
        """The grade of what was handed in; None stands for nothing.

        Args:
            content: The submission.
            measure: Scores it, or raises SubmissionError to refuse it.
        """
        sha256 = "" if content is None else hashlib.sha256(content).hexdigest()
        try:
            if content is None:
                raise SubmissionError("missing_submission", "there is no submission")
            measured = measure(content)
        except SubmissionError as error:
            return self.refuse(error, sha256)
        return self.accept(measured, sha256)

    def accept(self, measured: Measured, sha256: str = "") -> Grade:
        """The grade of a valid submission."""
        score, higher, anchors = measured.score, self.higher_is_better, self.anchors
        beats_floor = None if anchors.floor is None else better(score, anchors.floor, higher)
        return self._grade(
            sha256=sha256,
            valid=True,
            rows=measured.rows,
            score=score,
            parts=dict(measured.parts),
            normalized=self._normalized(score),
            public_score=measured.public_score,
            score_ci=measured.score_ci,
            rank=rank(score, self.board, higher) if self.board else None,
            percentile=percentile(score, self.board, higher) if self.board else None,
            board=self._board_name,
            human_rank=human_rank(score, self.human_boards, higher),
            medal=medal(score, self.thresholds, higher),
            beats_median=above_median(score, self.thresholds, higher),
            beats_floor=beats_floor,
            anchored=self._anchored(measured, beats_floor),
            floor=anchors.floor,
            ceiling=anchors.ceiling,
        )

    def refuse(self, error: SubmissionError, sha256: str = "") -> Grade:
        """The grade of a submission that can't be graded, for the reason given."""
        return self._grade(
            sha256=sha256,
            valid=False,
            error_code=error.code,
            error_message=error.message,
            beats_median=None if self.thresholds.median is None else False,
            beats_floor=False if self.dataset.digest else None,
            anchored=0.0 if self.dataset.digest else None,
        )

    def _anchored(self, measured: Measured, beats_floor: bool | None) -> float | None:
        """0 also for a constant: it knows nothing about any row, however lucky it is."""
        if beats_floor is False or (beats_floor and measured.is_constant):
            return 0.0
        return self.anchors.place(measured.score)

    @property
    def _board_name(self) -> str:
        who = "teams" if self.dataset.task.data.loader == "kaggle" else "reference models"
        return f"{len(self.board):,} {who}" if self.board else ""

    def _normalized(self, score: float) -> float:
        if self.dataset.task.grade.scale == "anchors":
            return self.anchors.place(score) or 0.0
        worst, best = self.dataset.task.grade.worst, self.dataset.task.grade.best
        share = (score - worst) / (best - worst)
        return 0.0 if math.isnan(share) else min(max(share, 0.0), 1.0)

    def _grade(self, **values: Any) -> Grade:
        task = self.dataset.task
        return Grade(
            task=task.id,
            variant=self.dataset.options.variant,
            metric=task.grade.metric,
            higher_is_better=self.higher_is_better,
            thresholds=self.thresholds.to_dict(),
            dataset=self.dataset.digest,
            versions=dict(_versions()),
            grader=self.grader,
            **values,
        )


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    names = {"mle_gym": "mle-gym", "scikit-learn": "scikit-learn", "numpy": "numpy"}
    return {name: _version(package) for name, package in {**names, "pandas": "pandas"}.items()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a source tree that was never installed
        return "unknown"

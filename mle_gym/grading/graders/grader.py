"""What a score is worth: from a number, or the reason why there is none, to a :class:`Grade`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.sources.kaggle.raw_files import leaderboard_file
from mle_gym.grading.floor_and_ceiling import Anchors, find_anchors
from mle_gym.grading.grade import Grade
from mle_gym.grading.leaderboard import (
    Thresholds,
    above_median,
    better,
    load_leaderboard,
    medal,
    medal_thresholds,
    percentile,
    rank,
    shown,
)

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.errors import SubmissionError
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Marker"]


@dataclass(frozen=True)
class Marker:
    """Marks the submissions to one dataset; the same for every way of finding a score."""

    dataset: Dataset
    higher_is_better: bool
    board: tuple[float, ...]
    """The leaderboard's scores; empty if the task has none."""
    thresholds: Thresholds
    score: Callable[[bytes], float]
    """Scores the content of a submission, as for a grade."""
    grader: str
    """How scores are found: ``"strict"`` or ``"parity"``."""
    luck: Callable[[], float | None] | None
    """What guesses reach; None where only whole files can be scored."""

    @classmethod
    def load(
        cls,
        dataset: Dataset,
        higher_is_better: bool,
        score: Callable[[bytes], float],
        grader: str = "strict",
        luck: Callable[[], float | None] | None = None,
    ) -> Marker:
        """With the task's leaderboard or thresholds.

        Raises:
            TaskError: The leaderboard can't be read.
        """
        return cls(dataset, higher_is_better, *_standards(dataset.task), score, grader, luck)

    @cached_property
    def anchors(self) -> Anchors:
        """The dataset's floor and ceiling, as far as they are known without running a program."""
        gold = self.thresholds.gold
        return find_anchors(self.dataset, self.grader, self.score, gold, self.luck)

    def mark(self, score: float, sha256: str, rows: int, **more: Any) -> Grade:
        """The grade of a valid submission; ``more`` are further fields of the grade."""
        higher, anchors = self.higher_is_better, self.anchors
        beats_floor = None if anchors.floor is None else better(score, anchors.floor, higher)
        return self._grade(
            sha256=sha256,
            valid=True,
            rows=rows,
            score=score,
            normalized=self._normalized(score),
            rank=rank(score, self.board, higher) if self.board else None,
            percentile=percentile(score, self.board, higher) if self.board else None,
            board=self._board_name,
            medal=medal(score, self.thresholds, higher),
            beats_median=above_median(score, self.thresholds, higher),
            beats_floor=beats_floor,
            anchored=0.0 if beats_floor is False else anchors.place(score),
            floor=anchors.floor,
            ceiling=anchors.ceiling,
            **more,
        )

    def refuse(self, error: SubmissionError, sha256: str = "") -> Grade:
        """The grade of a submission that can't be graded, for that reason."""
        return self._grade(
            sha256=sha256,
            valid=False,
            error_code=error.code,
            error_message=error.message,
            beats_median=None if self.thresholds.median is None else False,
            beats_floor=False if self.dataset.digest else None,
            anchored=0.0 if self.dataset.digest else None,
        )

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


def _standards(task: TaskSpec) -> tuple[tuple[float, ...], Thresholds]:
    """The leaderboard's scores, if there is one, and the thresholds."""
    medals, on_kaggle = task.medals, task.data.loader == "kaggle"
    competition = leaderboard_file(task.data.ref) if on_kaggle else None
    if competition is not None:  # the thresholds stay the published ones
        board = load_leaderboard(competition)
        return board, Thresholds(medals.gold, medals.silver, medals.bronze, medals.median)
    if medals.leaderboard:
        board = load_leaderboard(task.folder / medals.leaderboard)
        # Kaggle rounded its boards itself. Ours hold floats to the last bit, which the same model
        # need not reach on another machine.
        board = board if on_kaggle else tuple(map(shown, board))
        if not medals.award:
            return board, Thresholds(median=median(board))
        return board, medal_thresholds(board, task.grade.higher_is_better)
    return (), Thresholds(medals.gold, medals.silver, medals.bronze, medals.median)


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    names = {"mle_gym": "mle-gym", "scikit-learn": "scikit-learn", "numpy": "numpy"}
    return {name: _version(package) for name, package in {**names, "pandas": "pandas"}.items()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a source tree that was never installed
        return "unknown"

"""The results of grading: plain values that survive JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from mle_gym.errors import MleGymError
from mle_gym.grading.leaderboard import Medal, better
from mle_gym.grading.score import Part

__all__ = ["Grade", "Validation"]

LATER = frozenset(
    {"grader", "score_ci", "anchored", "floor", "ceiling", "board", "human_rank", "parts"}
)
"""Fields that grades of older versions don't have."""


@dataclass(frozen=True)
class Validation:
    """Whether a submission can be graded; says nothing about how good it is."""

    valid: bool
    code: str = ""
    """Short machine-readable reason, such as ``"duplicate_ids"``; empty if valid."""
    message: str = ""
    """What was found, what was expected, and where; empty if valid."""

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Grade:
    """How good one submission is."""

    task: str
    """The task's id, such as ``"titanic"``."""
    variant: int
    valid: bool
    metric: str
    higher_is_better: bool
    error_code: str = ""
    """Why it is not valid, such as ``"missing_submission"``; empty if it is."""
    error_message: str = ""
    score: float | None = None
    """The metric on the private part of the answers; None if not valid."""
    parts: dict[str, Part] = field(default_factory=dict)
    """What the score is made of, by name: numbers, or words such as ``"9 of 14"``. Empty where the
    task's metric has no parts."""
    normalized: float = 0.0
    """The score from 0 (the task's worst) to 1 (its best), clipped; 0 if not valid."""
    public_score: float | None = None
    """The metric on the public part; None if there is none."""
    rank: int | None = None
    """The place it would take on the leaderboard, from 1; None without leaderboard or score."""
    percentile: float | None = None
    """The fraction of the leaderboard it beats, 0 to 1."""
    board: str = ""
    """Who is on that leaderboard: ``"110 reference models"``, or a competition's ``"870 teams"``;
    empty without one."""
    human_rank: float | None = None
    """MLE-Dojo's HumanRank, 0 to 1: the mean over a competition's private and public leaderboards,
    as far as they are here (:func:`~mle_gym.grading.leaderboard.human_rank`)."""
    medal: Medal = ""
    thresholds: dict[str, float] = field(default_factory=dict)
    """``gold``, ``silver``, ``bronze`` and ``median``, as far as the task has them."""
    beats_median: bool | None = None
    """None if the task has no median."""
    beats_floor: bool | None = None
    """Whether it scores better than ``floor``; None if answers were handed in, which have none."""
    anchored: float | None = None
    """The score from 0 (the floor, or worse) to 1 (the ceiling, or better); 0 if not valid, and for
    predictions that are the same for every row. None while the ceiling isn't known."""
    floor: float | None = None
    """The score that needs no knowledge: the one of the dataset's own sample submission, or of
    constants and guesses where they are better. None if answers were handed in."""
    ceiling: float | None = None
    """The best that can honestly be reached on this variant: the reference solution's score, or a
    competition's gold threshold. None until it is measured, which only some rewards require."""
    rows: int = 0
    """Rows of the submission, public and private; 0 if not valid."""
    sha256: str = ""
    """Of the submission's bytes; empty if there was none."""
    dataset: str = ""
    """The dataset's digest; empty if answers were handed in."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of what made this grade: ``mle_gym``, ``scikit-learn``, ``numpy`` and ``pandas``."""
    grader: str = "strict"
    """``"strict"``, or ``"parity"`` for grading as MLE-bench grades."""
    score_ci: tuple[float, float] | None = None
    """A 95% interval of the score over resampled test rows; None unless asked for."""

    @property
    def beats_luck(self) -> bool:
        """Whether it beats the floor by more than chance explains, as far as that is known.

        All of ``score_ci`` must be better than the floor; without one, the score.
        """
        if not self.anchored or self.floor is None:
            return False
        if self.score_ci is None:
            return True
        least = self.score_ci[0 if self.higher_is_better else 1]
        return better(least, self.floor, self.higher_is_better)

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, safe for JSON: no NaN, no infinity."""
        values = asdict(self)
        for name, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                values[name] = None
        if self.score_ci is not None:
            values["score_ci"] = list(self.score_ci)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The grade that :meth:`to_dict` made these of.

        Raises:
            ValueError: Unknown or missing fields; names them.
        """
        known = {item.name for item in fields(cls)}
        if unknown := sorted(values.keys() - known):
            raise _BadGrade(f"not a grade: unknown fields {', '.join(unknown)}")
        if missing := sorted(known - values.keys() - LATER):
            raise _BadGrade(f"not a grade: missing fields {', '.join(missing)}")
        interval = values.get("score_ci")
        return cls(**{**values, "score_ci": None if interval is None else tuple(interval)})


class _BadGrade(MleGymError, ValueError):
    """It is not what :meth:`Grade.to_dict` makes."""

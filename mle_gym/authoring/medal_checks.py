"""Checks of a task's medals: are they earned, and do they tell more than the luck of the draw."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from mle_gym.authoring.check import Check

if TYPE_CHECKING:
    from mle_gym.grading.grade import Grade
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["medals_are_earned", "medals_are_not_luck"]

MEDALS = ("gold", "silver", "bronze")
HINT = "leave medals out, or keep the leaderboard for ranks alone with award = false"
PUBLISHED = "not applicable: the thresholds are a competition's own, as they were published"
NONE = "not applicable: it has none"
INTERVALS_PER_ERROR = 2 * 1.96
"""Standard errors in a 95% interval."""


def medals_are_earned(task: TaskSpec, floor: Grade) -> Check:
    """The sample earns no medal and isn't above the median; each threshold is above the next.

    The thresholds of competitions are published, and may be equal.
    """
    name = "medals are earned"
    if not floor.thresholds:
        return Check(name, True, NONE)
    if floor.medal or floor.beats_median:
        got = f"earns {floor.medal}" if floor.medal else "beats the median"
        return Check(name, False, f"the sample submission {got}; {HINT}")
    if task.data.loader == "kaggle":
        return Check(name, True, PUBLISHED)
    for (better, high), (worse, low) in pairwise(floor.thresholds.items()):
        if high == low:
            return Check(name, False, f"{better} and {worse} are both {high:g}; {HINT}")
    listed = ", ".join(f"{medal} {score:g}" for medal, score in floor.thresholds.items())
    return Check(name, True, f"the sample scores {floor.score:g}; {listed}")


def medals_are_not_luck(task: TaskSpec, floor: Grade, grades: Sequence[Grade]) -> Check:
    """Gold, silver, bronze and the floor lie further apart than a score's own standard error.

    The error is that of the reference program that scores nearest to silver, over resampled test
    rows: noise depends on how good a model is.
    """
    name = "medals tell more than luck"
    if task.data.loader == "kaggle":
        return Check(name, True, PUBLISHED)
    if "gold" not in floor.thresholds:
        return Check(name, True, NONE)
    silver = floor.thresholds["silver"]
    near = min(grades, key=lambda grade: abs((grade.score or 0.0) - silver), default=None)
    if near is None or near.score_ci is None:
        return Check(name, True, "not applicable: no program has a score whose noise is known")
    noise = (near.score_ci[1] - near.score_ci[0]) / INTERVALS_PER_ERROR
    steps = {medal: floor.thresholds[medal] for medal in MEDALS} | {
        "the sample": floor.score or 0.0
    }
    for (better, high), (worse, low) in pairwise(steps.items()):
        gap = abs(high - low)
        if gap < noise:
            found = f"{better} and {worse} are {gap:.2g} apart, less than the noise of {noise:.2g}"
            return Check(name, False, f"{found}; {HINT}")
    return Check(name, True, f"they lie further apart than the noise of {noise:.2g}")

"""Rewards: what an episode pays, and when.

Every reward is the increase of a potential over the episode's :class:`Progress`, so the rewards
of an episode always sum to the potential of how it ended, and shaping can't be farmed.

| name           | potential                                                                     |
|----------------|-------------------------------------------------------------------------------|
| ``score``      | the normalized score (0 to 1) of the grade; 0 until there is one              |
| ``percentile`` | the fraction of the leaderboard that the grade beats                          |
| ``medal``      | 1 for gold, 0.75 for silver, 0.5 for bronze, 0.25 above the median, else 0    |
| ``milestones`` | see below                                                                     |
| ``pkg.mod:fn`` | ``fn(grade)``; the callable gets a :class:`~mle_gym.grading.grader.Grade`     |

``milestones`` pays verifiable partial credit on the way, each row including the ones above:

| reached                                                  | potential |
|----------------------------------------------------------|-----------|
| a command ended with exit code 0                         | 0.05      |
| a file lies at the submission's path                     | 0.10      |
| it is a valid submission                                 | 0.20      |
| graded: beats the sample submission                      | 0.40      |
| graded: above the median                                 | 0.55      |
| graded: bronze, silver, gold                             | 0.70, 0.85, 1.00 |

On tasks without medals a valid submission that beats the sample pays 0.4 + 0.6 x the normalized
score. The last rows need the hidden answers, so they are paid at the end of the episode only. A
submission that is deleted or broken again takes its credit with it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mle_gym.actions import nearest

if TYPE_CHECKING:
    from mle_gym.grading.grader import Grade
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["REWARDS", "Potential", "Progress", "check_reward", "load_reward"]


@dataclass(frozen=True)
class Progress:
    """What an episode has shown so far."""

    ran: bool = False
    """A shell command ended with exit code 0."""
    exists: bool = False
    """A file lies at the submission's path. Only looked after where the reward depends on it."""
    valid: bool = False
    """That file is a valid submission."""
    grade: Grade | None = None
    """The grade that ended the episode."""


Potential = Callable[[Progress], float]
"""Maps progress to what the episode has paid so far."""

_MEDALS = {"gold": 1.0, "silver": 0.75, "bronze": 0.5}
_MILESTONE_MEDALS = {"gold": 1.0, "silver": 0.85, "bronze": 0.7}


def check_reward(name: str, task: TaskSpec) -> None:
    """Refuse a reward that can't be paid on a task, without importing anything.

    Raises:
        ValueError: unknown name, no import path, or a reward that needs a leaderboard or medals
            that the task doesn't have.
    """
    module, colon, function = name.partition(":")
    dotted = [*module.split("."), *function.split(".")]
    if name not in REWARDS and not (colon and all(part.isidentifier() for part in dotted)):
        raise ValueError(
            f"reward {name!r} is neither a known name nor an import path such as "
            f"'package.module:function'{nearest(name, REWARDS)}"
        )
    medals = task.medals
    if name == "percentile" and not medals.leaderboard and not _downloaded_board(task):
        raise ValueError(f"reward 'percentile': task {task.id!r} has no leaderboard")
    if name == "medal" and not (medals.leaderboard or medals.thresholds):
        raise ValueError(f"reward 'medal': task {task.id!r} has no medals")


def _downloaded_board(task: TaskSpec) -> bool:
    """Whether a Kaggle competition's full leaderboard is on this machine."""
    if task.data.loader != "kaggle":
        return False
    from mle_gym.tasks.raw import leaderboard_file

    return leaderboard_file(task.data.ref) is not None


def load_reward(name: str) -> Potential:
    """The potential behind a name or an import path.

    Raises:
        ValueError: the import path leads to nothing that can be called.
    """
    if name in REWARDS:
        return REWARDS[name]
    module, _, path = name.partition(":")
    try:
        function = importlib.import_module(module)
        for part in path.split("."):
            function = getattr(function, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"reward {name!r} can't be imported: {error}") from error
    if not callable(function):
        raise ValueError(f"reward {name!r} is {type(function).__name__}, not a callable")
    return _at_the_end(function)


def _at_the_end(value: Callable[[Grade], float]) -> Potential:
    """A potential that is 0 until the grade is there."""
    return lambda progress: 0.0 if progress.grade is None else float(value(progress.grade))


def _medal(grade: Grade) -> float:
    above_median = 0.25 if grade.beats_median else 0.0
    return _MEDALS.get(grade.medal, above_median)


def _milestones(progress: Progress) -> float:
    if progress.grade is not None and progress.grade.valid:
        return _graded_milestones(progress.grade)
    if progress.valid:
        return 0.2
    if progress.exists:
        return 0.1
    return 0.05 if progress.ran else 0.0


def _graded_milestones(grade: Grade) -> float:
    beats_floor = grade.normalized > 0 if grade.beats_floor is None else grade.beats_floor
    if grade.medal in _MILESTONE_MEDALS:
        return _MILESTONE_MEDALS[grade.medal]
    if grade.beats_median:
        return 0.55
    if not beats_floor:
        return 0.2
    has_medals = "gold" in grade.thresholds
    return 0.4 if has_medals else 0.4 + 0.6 * grade.normalized


REWARDS: Mapping[str, Potential] = {
    "score": _at_the_end(lambda grade: grade.normalized),
    "percentile": _at_the_end(lambda grade: grade.percentile or 0.0),
    "medal": _at_the_end(_medal),
    "milestones": _milestones,
}
"""The rewards that have a name."""

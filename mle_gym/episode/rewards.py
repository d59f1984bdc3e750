"""Rewards: what an episode pays, and when.

Every reward is the increase of a potential over the episode's :class:`Progress`. So the rewards of
an episode always sum to the potential at its end, and no detour can collect more.

| name           | potential                                                                     |
|----------------|-------------------------------------------------------------------------------|
| ``score``      | the normalized score (0 to 1) of the grade; 0 until there is one              |
| ``anchored``   | the anchored score: 0 for the score of somebody who knows nothing (sample,    |
|                | constants, guesses), 1 for that of the reference solution or a competition's  |
|                | gold medal                                                                    |
| ``milestones`` | the anchored score and a tenth for having learned anything; see below         |
| ``percentile`` | the fraction of the leaderboard that the grade beats                          |
| ``medal``      | 1 for gold, 0.75 for silver, 0.5 for bronze, 0.25 above the median, else 0    |
| ``pkg.mod:fn`` | ``fn(grade)``; the callable gets a :class:`mle_gym.Grade`                     |

``milestones`` pays a part of the final reward on the way:

| reached                                                              | potential            |
|----------------------------------------------------------------------|----------------------|
| nothing; or a submission that isn't valid, the sample, or a constant | 0                    |
| a valid submission whose predictions differ from row to row          | 0.1, lent            |
| graded: no better than the floor by more than the score's own noise  | 0                    |
| graded: better than that                                             | 0.1 + 0.9 x anchored |

Only the hidden answers show whether predictions are worth anything, so the tenth is lent until
there is a grade, and random or constant predictions pay it back. The floor is the score that only
the luckiest of those exceed (:mod:`mle_gym.grading.guesses`), and the noise is the 95% interval of
the score over resampled test rows, if the metric has one (:mod:`mle_gym.grading.score_interval`).
A submission that is deleted or broken again loses its credit.

The step's reward comes in parts, which ``info["reward_parts"]`` names: ``submission`` (the tenth)
and ``anchored`` with ``milestones``, else one part of the reward's own name (``custom`` for a
callable).
"""

from __future__ import annotations

import importlib
import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mle_gym.errors import RewardError
from mle_gym.grading.leaderboard import has_downloaded_board
from mle_gym.text import nearest

if TYPE_CHECKING:
    from mle_gym.grading.grade import Grade
    from mle_gym.tasks.spec import TaskSpec

__all__ = [
    "NEED_NO_CEILING",
    "REWARDS",
    "Payments",
    "Potential",
    "Progress",
    "check_reward",
    "load_reward",
]


@dataclass(frozen=True)
class Progress:
    """What an episode has shown so far."""

    promising: bool = False
    """Whether the file at the submission's path is valid and neither the sample nor a constant.
    It is read only if the reward depends on it."""
    grade: Grade | None = None
    """The grade that ended the episode."""


Potential = Callable[[Progress], dict[str, float]]
"""Maps progress to the sum of rewards so far, by part. It always returns the same parts."""


NEED_NO_CEILING = frozenset({"score", "percentile", "medal"})
"""Rewards that don't depend on a variant's ceiling, so that none is measured for them."""

_MEDALS = {"gold": 1.0, "silver": 0.75, "bronze": 0.5}
_LENT = 0.1


class Payments:
    """Keeps account of what an episode has paid: a step pays the rise of the potential in it.

    Args:
        potential: What progress is worth.
        progress: Where the episode begins. A snapshot's progress has been paid for already.
    """

    def __init__(self, potential: Potential, progress: Progress) -> None:
        self._potential = potential
        self.progress = progress
        self._paid = potential(progress)
        self.parts: dict[str, float] = {}
        """What the last step paid, by part."""
        self.clear()

    def clear(self) -> None:
        """Begin a step: it has paid nothing yet."""
        self.parts = dict.fromkeys(self._paid, 0.0)

    def pay(self, progress: Progress) -> float:
        """The reward of the step that led to this progress."""
        self.progress = progress
        due = self._potential(progress)
        self.parts = {name: value - self._paid[name] for name, value in due.items()}
        self._paid = due
        return sum(self.parts.values())


def check_reward(name: str, task: TaskSpec) -> None:
    """Refuse a reward that can't be paid on a task, without importing anything.

    Raises:
        ValueError: The name is unknown and isn't an import path, or the reward requires a
            leaderboard or medals that the task doesn't have.
    """
    module, colon, function = name.partition(":")
    dotted = [*module.split("."), *function.split(".")]
    if name not in REWARDS and not (colon and all(part.isidentifier() for part in dotted)):
        raise ValueError(
            f"reward {name!r} is neither a known name nor an import path such as "
            f"'package.module:function'{nearest(name, REWARDS)}"
        )
    medals = task.medals
    if name == "percentile" and not medals.leaderboard and not has_downloaded_board(task):
        raise ValueError(f"reward 'percentile': task {task.id!r} has no leaderboard")
    if name == "medal" and not medals.awarded:
        raise ValueError(f"reward 'medal': task {task.id!r} has no medals")


def load_reward(name: str) -> Potential:
    """The potential behind a name or an import path.

    Raises:
        ValueError: The import path doesn't lead to a callable.
    """
    if name in REWARDS:
        return REWARDS[name]
    module, _, path = name.partition(":")
    try:
        function = importlib.import_module(module)
        for part in path.split("."):
            function = getattr(function, part)
    except (Exception, SystemExit) as error:  # running the module may raise anything
        raised = f"{type(error).__name__}: {error}"
        raise ValueError(f"reward {name!r} can't be imported: {raised}") from error
    if not callable(function):
        raise ValueError(f"reward {name!r} is {type(function).__name__}, not a callable")
    return _at_the_end("custom", lambda grade: _paid_by(name, function, grade))


def _paid_by(name: str, function: Callable[[Grade], float], grade: Grade) -> float:
    """What the caller's own function pays for a grade.

    Raises:
        RewardError: The function raised, or paid something other than a finite number.
    """
    try:
        paid = float(value := function(grade))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: an episode must not end its program
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f" at {last.filename}:{last.lineno}" if last.filename != __file__ else ""
        raised = f"{type(error).__name__}: {error}"
        raise RewardError(f"the reward function {name!r} failed{where}: {raised}") from error
    if not math.isfinite(paid):
        raise RewardError(f"the reward function {name!r}: expected a finite number, found {value}")
    return paid


def _at_the_end(name: str, value: Callable[[Grade], float]) -> Potential:
    """A potential with one part, which is 0 until there is a grade."""
    return lambda progress: {name: 0.0 if progress.grade is None else float(value(progress.grade))}


def _medal(grade: Grade) -> float:
    above_median = 0.25 if grade.beats_median else 0.0
    return _MEDALS.get(grade.medal, above_median)


def _milestones(progress: Progress) -> dict[str, float]:
    grade = progress.grade
    if grade is None:
        return {"submission": _LENT if progress.promising else 0.0, "anchored": 0.0}
    if not grade.beats_luck:
        return {"submission": 0.0, "anchored": 0.0}
    return {"submission": _LENT, "anchored": (1 - _LENT) * (grade.anchored or 0.0)}


REWARDS: Mapping[str, Potential] = {
    "score": _at_the_end("score", lambda grade: grade.normalized),
    "anchored": _at_the_end("anchored", lambda grade: grade.anchored or 0.0),
    "milestones": _milestones,
    "percentile": _at_the_end("percentile", lambda grade: grade.percentile or 0.0),
    "medal": _at_the_end("medal", _medal),
}
"""The built-in rewards by name."""

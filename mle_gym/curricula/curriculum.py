"""Chooses tasks by what can be learned from them, and makes them harder as an agent succeeds.

Where all rollouts of a group get the same return, whether all fail or all succeed, a policy
gradient is zero. So families are drawn in proportion to the variance of returns within a group
("AceGRPO", 2026), and the difficulty of each family rises where the agent succeeds at it ("RLVE",
2025).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, pvariance
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.dataset import Size
from mle_gym.episode.variants import draw_variant
from mle_gym.errors import TaskError
from mle_gym.tasks.suites import find_suite, tasks_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Curriculum"]

MOST_VARIANCE = 0.25
"""Of returns from 0 to 1. A family that wasn't tried yet counts as if it had it."""


@dataclass
class _Progress:
    """What is known of one family."""

    level: float
    """The highest difficulty that is drawn."""
    variance: float = MOST_VARIANCE
    """Of returns within a group, the recent ones weighing more."""
    groups: int = 0
    passed: int = 0
    """Groups in a row at the highest difficulty in which the agent succeeded."""


class Curriculum:
    """Which task comes next.

    >>> curriculum = Curriculum("everyday", size="micro")
    >>> arguments = curriculum.sample(rng)                       # for each group of rollouts
    >>> env.reset(options=arguments)                             # of mle/any-v0
    >>> curriculum.update(arguments, returns)                    # anchored returns of the group
    >>> checkpoint["curriculum"] = curriculum.state()

    Args:
        suite: Where families are taken from. Held-out families are left out.
        size: How much data they have; by default the suite's own.
        level: The highest difficulty at first.
        step: By how much it rises.
        width: How far below the highest difficulty tasks are drawn.
        success: The mean return of a group from which it counts as a success.
        patience: How many successes in a row at the highest difficulty raise it.
        memory: The weight of what was known when a group's variance comes in, from 0 to 1.
        explore: The share of draws in which every family is equally likely.

    Raises:
        TaskError: There is no such suite, or no family in it that may be trained on.
        ValueError: A number is out of its range.
    """

    def __init__(
        self,
        suite: str = "everyday",
        *,
        size: Size | None = None,
        level: float = 0.2,
        step: float = 0.1,
        width: float = 0.3,
        success: float = 0.7,
        patience: int = 3,
        memory: float = 0.8,
        explore: float = 0.2,
    ) -> None:
        shares = {"level": level, "step": step, "width": width, "memory": memory,
                  "explore": explore}  # fmt: skip
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {value!r}")
        if patience < 1:
            raise ValueError(f"patience must be 1 or more, not {patience!r}")
        families = [task.id for task in tasks_of(suite, training=True) if not task.data.real]
        if not families:
            raise TaskError(f"the suite {suite!r} has no family for training here")
        self._size: Size = size or find_suite(suite).size
        self._step, self._width, self._success = step, width, success
        self._patience, self._memory, self._explore = patience, memory, explore
        self._start = level
        self._families = {family: _Progress(level) for family in families}

    def probabilities(self) -> dict[str, float]:
        """How likely each family is to be drawn next."""
        total = sum(each.variance for each in self._families.values())
        even = 1 / len(self._families)
        return {
            family: self._explore * even
            + (1 - self._explore) * (each.variance / total if total > 0 else even)
            for family, each in self._families.items()
        }

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """Draw ``task``, ``variant`` (a training one), ``size`` and ``difficulty``."""
        chances = self.probabilities()
        family = list(chances)[int(rng.choice(len(chances), p=list(chances.values())))]
        level = self._families[family].level
        # Every other group is at the highest difficulty, since only these can raise it.
        easier = max(0.0, level - self._width)
        difficulty = level if rng.random() < 0.5 else float(rng.uniform(easier, level))
        return {
            "task": family,
            "variant": draw_variant("train", rng),
            "size": self._size,
            "difficulty": round(difficulty, 3),
        }

    def update(self, sampled: Mapping[str, Any], returns: Sequence[float]) -> None:
        """Learn from a group of rollouts of one instance.

        Args:
            sampled: What :meth:`sample` drew.
            returns: The return of each rollout, from 0 to 1, such as anchored scores. One whose
                reward isn't valid is left out by the caller.

        Raises:
            KeyError: The family isn't one of the curriculum's.
        """
        known = self._families[sampled["task"]]
        values = [float(each) for each in returns]  # an array's own numbers have no exact variance
        if not values:
            return
        known.groups += 1
        if len(values) > 1:  # of a single return nothing can be said
            found = pvariance(values)
            known.variance = self._memory * known.variance + (1 - self._memory) * found
        if sampled["difficulty"] < round(known.level, 3):
            return
        known.passed = known.passed + 1 if fmean(values) >= self._success else 0
        if known.passed >= self._patience:
            known.level, known.passed = min(1.0, round(known.level + self._step, 6)), 0

    def state(self) -> dict[str, dict[str, float]]:
        """What it has learned, as plain data for a checkpoint."""
        return {family: asdict(each) for family, each in self._families.items()}

    def load_state(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Continue from a checkpoint. Families that it doesn't know begin anew; others are ignored.

        Raises:
            TypeError: This is no such state.
        """
        self._families = {
            family: _Progress(**state[family]) if family in state else _Progress(self._start)
            for family in self._families
        }

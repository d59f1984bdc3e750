"""Judges whether recorded episodes are fit for training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mle_gym.trajectories.check_record_fields import require_types
from mle_gym.trajectories.health.episode_facts import facts_of
from mle_gym.trajectories.health.measures import MEASURES, HealthCheck, Limits, Measured
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["Health", "health"]


@dataclass(frozen=True)
class Health:
    """Whether training on some episodes would go right."""

    episodes: int
    checks: tuple[HealthCheck, ...]
    """One for each field of :class:`Limits`."""

    @property
    def ok(self) -> bool:
        """Whether no check is ``wrong``."""
        return not any(check.status == "wrong" for check in self.checks)

    def metrics(self) -> dict[str, float]:
        """The figures that could be measured, for a trainer's log: ``{"health/failures": 0.0}``."""
        return {f"health/{c.name}": c.figure for c in self.checks if c.figure is not None}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        checks = [asdict(check) for check in self.checks]
        return {"ok": self.ok, "episodes": self.episodes, "checks": checks}


def health(
    records: Iterable[Trajectory | str | Path],
    *,
    rewards: Sequence[float | None] | None = None,
    limits: Limits | None = None,
) -> Health:
    """Judge whether training on these episodes would go right.

    A trainer calls it on the episodes of its last batches, and stops or warns:

    >>> report = mle_gym.health(trajectories, rewards=what_entered_the_loss)
    >>> for check in report.checks:
    ...     print(check.status, check.name, check.figure, check.detail, check.advice)

    Args:
        records: Trajectories, or their files.
        rewards: What entered training for each of them; None or NaN for those that were masked,
            which then are no false zeros. Without it, an episode counts with its return, and one
            that failed with the 0 that a careless trainer would take for its return.
        limits: From which figures on something is wrong.

    Raises:
        TrajectoryError: A file is not a trajectory, or is damaged.
        OSError: A file can't be read.
        ValueError: There are more or fewer rewards than episodes.
    """
    facts = [facts_of(_read(record)) for record in records]
    trained = facts
    if rewards is not None:
        pairs = zip(facts, rewards, strict=True)
        trained = [
            replace(each, reward=float(reward))
            for each, reward in pairs
            if reward is not None and not math.isnan(reward)
        ]
    valid = [each for each in trained if not each.no_fault]
    chosen = limits or Limits()
    checks = []
    for name in MEASURES:
        measure, _ = MEASURES[name]
        seen = facts if name == "failures" else trained if name == "false_zeros" else valid
        checks.append(_compared(name, measure(seen), getattr(chosen, name)))
    return Health(len(facts), tuple(checks))


def _read(record: Trajectory | str | Path) -> Trajectory:
    if isinstance(record, Trajectory):
        return record
    trajectory = Trajectory.read(record)
    require_types(trajectory, record)
    return trajectory


def _compared(name: str, measured: Measured, limit: float) -> HealthCheck:
    if measured.figure is None:
        return HealthCheck(name, "unmeasured", None, limit, measured.detail)
    figure = round(measured.figure, 6)
    if figure <= limit:
        return HealthCheck(name, "ok", figure, limit, measured.detail)
    _, status = MEASURES[name]
    return HealthCheck(name, status, figure, limit, measured.detail, measured.advice)

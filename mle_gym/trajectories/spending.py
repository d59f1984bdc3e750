"""What an episode's model and its commands took, from the record."""

from __future__ import annotations

from typing import Any

from mle_gym.chat.model_budget import Spent
from mle_gym.trajectories.trajectory import Step, Trajectory

__all__ = ["spent_in", "spent_on"]


def spent_in(trajectory: Trajectory) -> Spent:
    """The sum over all steps. Other agents' turns may lack some of the figures, which count 0."""
    return sum(map(spent_on, trajectory.steps), start=Spent())


def spent_on(step: Step) -> Spent:
    """What one step took.

    A turn is what an agent says of itself, so figures that can't be are taken as not said: nothing
    negative, infinite or that is no number may lower a sum, or lift a budget.
    """
    turn = step.turn or {"cost": 0.0}
    execution = step.info.get("execution") or {}
    return Spent(
        calls=int(_amount(turn, "calls") or 0),
        steps=1,
        tokens=int(_amount(turn, "tokens") or 0),
        cost=_amount(turn, "cost"),
        model_seconds=_amount(turn, "seconds") or 0.0,
        retry_seconds=_amount(turn, "retry_seconds") or 0.0,
        command_seconds=_amount(execution, "duration") or 0.0,
    )


MOST = 1e15
"""Of anything that can be spent in one step; larger figures are no figures."""


def _amount(values: dict[str, Any], name: str) -> float | None:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= MOST else None

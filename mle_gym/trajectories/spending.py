"""What an episode's model and its commands took, from the record."""

from __future__ import annotations

from typing import Any

from mle_gym.chat.model_budget import Spent
from mle_gym.trajectories.trajectory import Step, Trajectory

__all__ = ["spent_in"]


def spent_in(trajectory: Trajectory) -> Spent:
    """The sum over all steps. Other agents' turns may lack some of the figures, which count 0."""
    return sum(map(_of_step, trajectory.steps), start=Spent())


def _of_step(step: Step) -> Spent:
    turn = step.turn or {"cost": 0.0}
    execution = step.info.get("execution") or {}
    return Spent(
        calls=_number(turn, "calls"),
        steps=1,
        tokens=_number(turn, "tokens"),
        cost=turn.get("cost"),
        model_seconds=_number(turn, "seconds"),
        retry_seconds=_number(turn, "retry_seconds"),
        command_seconds=_number(execution, "duration"),
    )


def _number(values: dict[str, Any], name: str) -> Any:
    value = values.get(name)
    return value if isinstance(value, int | float) else 0

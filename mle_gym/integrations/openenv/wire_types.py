"""What clients send and receive: OpenEnv's actions, observations and states, as we fill them."""

from __future__ import annotations

from typing import Any

from openenv.core.env_server.types import Action, Observation, State
from pydantic import Field, model_validator

__all__ = ["MLEAction", "MLEObservation", "MLEState"]


class MLEAction(Action):  # type: ignore[misc]
    """An action: ``{"action": "ls data"}``, or a call of a tool as it is.

    Everything is accepted, since a malformed action is an agent's mistake, which its observation
    explains.
    """

    action: Any = Field(
        description="A bash script, or a call of a tool such as {'tool': 'bash', 'command': 'ls'}.",
        json_schema_extra={"anyOf": [{"type": "string"}, {"type": "object"}]},
    )
    finish: bool = Field(
        default=False,
        description="End the episode now, without an action, and grade what lies there.",
    )

    @model_validator(mode="before")
    @classmethod
    def _call(cls, values: Any) -> Any:
        """Take a dict that is the call of a tool for the action."""
        if not isinstance(values, dict) or "action" in values:
            return values
        if values.get("finish") is True:
            return values | {"action": None}
        metadata = values.get("metadata", {})
        call = {name: value for name, value in values.items() if name != "metadata"}
        return {"action": call, "metadata": metadata}


class MLEObservation(Observation):  # type: ignore[misc]
    """What Gymnasium's ``reset`` or ``step`` returns.

    ``reward`` is None for a reset and for a failed episode, whose reward is not valid; ``done`` is
    ``terminated or truncated``.
    """

    output: str = Field(description="The task's brief, later what an action printed.")
    exit_code: int = Field(description="0 for success, 124 after a timeout.")
    steps_left: int = Field(description="Steps that may still be taken.")
    seconds_left: float = Field(description="Wall-clock seconds that are left.")
    terminated: bool = Field(default=False, description="Something was submitted.")
    truncated: bool = Field(
        default=False, description="The budget is spent, or the episode failed or was finished."
    )
    info: dict[str, Any] = Field(
        description="As from MLEEnv: reward_valid, failure, reward_parts, execution, grade, …"
    )


class MLEState(State):  # type: ignore[misc]
    """Where a session is."""

    task: str | None = Field(default=None, description="The task's id; None before a reset.")
    variant: int | None = Field(default=None, description="The instance that is played.")
    playing: bool = Field(default=False, description="Whether an episode is running.")

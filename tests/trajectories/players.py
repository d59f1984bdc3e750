"""Agents that play as a test says."""

from __future__ import annotations

from typing import Any

import numpy as np

from mle_gym.agents import LeaveEpisode


class Alternating:
    """Pushes CartPole's cart left and right in turn."""

    name = "alternating"

    def __init__(self, leave_after: int | None = None) -> None:
        self.leave_after = leave_after
        self.steps = 0

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        self.steps = 0

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        if self.steps == self.leave_after:
            raise LeaveEpisode("bored")
        self.steps += 1
        return np.int64(self.steps % 2)


class Failing(Alternating):
    """Raises in its third action."""

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        if self.steps == 2:
            raise RuntimeError("out of ideas")
        return super().act(observation, info)


class Scripted:
    """Plays a list of actions."""

    def __init__(self, *actions: Any) -> None:
        self.actions = list(actions)

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        self.left = iter(self.actions)

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        return next(self.left)


class Talker:
    """Plays some actions, says what each cost, and then leaves."""

    name = "talker"

    def __init__(self, *actions: Any, submit: bool = True) -> None:
        self.actions, self.submit, self.turn = list(actions), submit, {"tokens": 0}

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        pass

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        if not self.actions:
            raise LeaveEpisode("I am done", submit=self.submit)
        self.turn = {"tokens": self.turn["tokens"] + 7}
        return self.actions.pop(0)

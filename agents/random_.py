"""Samples the action space: it looks around, learns nothing and never submits.

mle-gym run titanic --agent random

It is a lower bound for every comparison, and a cheap way to stress an environment.
"""

from __future__ import annotations

from typing import Any

from gymnasium import Space

from mle_gym.episode.spaces import ActionSpace


class RandomAgent:
    """Samples uniformly from an action space.

    Args:
        seed: Seed of the samples; None draws a fresh one. Later episodes continue the same stream.
        space: What to sample; None for the action space of every mle-gym task.
    """

    name = "random"

    def __init__(self, seed: int | None = None, space: Space[Any] | None = None) -> None:
        self._space = ActionSpace() if space is None else space
        self._space.seed(seed)

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Do nothing, since there is no state."""

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """Sample an action. The observation is ignored."""
        return self._space.sample()

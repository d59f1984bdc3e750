"""Turns observations into vectors, which a small policy network can read."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from gymnasium.utils import RecordConstructorArgs

from mle_gym.wrappers.encoded_text import HashedWords

__all__ = ["TextFeatures"]

Features = npt.NDArray[np.float32]


class TextFeatures(
    gymnasium.ObservationWrapper[Features, Any, dict[str, Any]],
    RecordConstructorArgs,
):
    """Replaces the text by a ``Box(-1, 1, (features + 2,), float32)``.

    The first ``features`` entries are the output as
    :class:`~mle_gym.wrappers.encoded_text.HashedWords`. The last two are the exit code divided by
    255, and the steps left divided by the maximum. The clock is left out, so that equal episodes
    have equal features.

    >>> env = TextFeatures(gymnasium.make("mle/titanic-v0"), features=64)
    >>> env.observation_space.shape
    (66,)

    Args:
        env: An environment with the observations of :class:`~mle_gym.env.MLEEnv`.
        features: Number of buckets.

    Raises:
        ValueError: ``features`` is not positive, or the observations are not those of ``MLEEnv``.
    """

    def __init__(self, env: gymnasium.Env[dict[str, Any], Any], features: int = 256) -> None:
        RecordConstructorArgs.__init__(self, features=features)
        super().__init__(env)
        space = env.observation_space
        if not isinstance(space, gymnasium.spaces.Dict) or "output" not in space.spaces:
            raise ValueError(f"TextFeatures requires the observations of MLEEnv, found {space}")
        self.encode = HashedWords(features)
        self.max_steps = int(getattr(space["steps_left"], "n", 2)) - 1
        self.observation_space = Box(-1.0, 1.0, (features + 2,), np.float32)

    def observation(self, observation: dict[str, Any]) -> Features:
        """The features of an observation, in a fresh array."""
        return np.concatenate(
            [
                self.encode(observation["output"]),
                [observation["exit_code"] / 255, observation["steps_left"] / self.max_steps],
            ]
        ).astype(np.float32)

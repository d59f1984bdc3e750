"""Turns observations into vectors, which a small policy network can read."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from gymnasium.utils import RecordConstructorArgs

__all__ = ["TextFeatures"]

_WORD = re.compile(r"[^\W\d_]+|\d")

Features = npt.NDArray[np.float32]


class TextFeatures(
    gymnasium.ObservationWrapper[Features, Any, dict[str, Any]],
    RecordConstructorArgs,
):
    """Replaces the text by a ``Box(-1, 1, (features + 2,), float32)``.

    The first ``features`` entries are a hashed bag of words. The output is cut into lower-case
    words and single digits. A word's CRC-32, which is the same in every process, selects its bucket
    and its sign. Buckets grow with the logarithm of a word's count, and the vector is scaled to
    unit length (an empty output is all zeros). The last two entries are the exit code divided by
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
        if features < 1:
            raise ValueError(f"features must be at least 1, not {features}")
        space = env.observation_space
        if not isinstance(space, gymnasium.spaces.Dict) or "output" not in space.spaces:
            raise ValueError(f"TextFeatures requires the observations of MLEEnv, found {space}")
        self.features = features
        self.max_steps = int(getattr(space["steps_left"], "n", 2)) - 1
        self.observation_space = Box(-1.0, 1.0, (features + 2,), np.float32)

    def observation(self, observation: dict[str, Any]) -> Features:
        """The features of an observation, in a fresh array."""
        return np.concatenate(
            [
                self._words(observation["output"]),
                [observation["exit_code"] / 255, observation["steps_left"] / self.max_steps],
            ]
        ).astype(np.float32)

    def _words(self, text: str) -> npt.NDArray[np.float64]:
        buckets = np.zeros(self.features)
        for word, count in Counter(_WORD.findall(text.lower())).items():
            code = zlib.crc32(word.encode())
            sign = 1.0 if code & 1 else -1.0
            buckets[(code >> 1) % self.features] += sign * np.log1p(count)
        length = np.linalg.norm(buckets)
        return buckets / length if length else buckets

"""Texts in observations as numbers, for policies that read dictionaries of arrays."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from mle_gym.episode.spaces import UnicodeText

__all__ = ["EncodedText", "HashedWords"]

Vector = npt.NDArray[np.float32]

_WORD = re.compile(r"[^\W\d_]+|\d")


@dataclass(frozen=True)
class HashedWords:
    """Encodes a text as a hashed bag of words, an array of shape ``(features,)``.

    The text is cut into lower-case words and single digits. A word's CRC-32, which is the same in
    every process, selects its bucket and its sign. Buckets grow with the logarithm of a word's
    count, and the vector is scaled to unit length (an empty text is all zeros).

    Raises:
        ValueError: ``features`` is not positive.
    """

    features: int = 256
    """Number of buckets."""

    def __post_init__(self) -> None:
        if self.features < 1:
            raise ValueError(f"features must be at least 1, not {self.features}")

    def __call__(self, text: str) -> Vector:
        """The vector of a text."""
        buckets = np.zeros(self.features)
        for word, count in Counter(_WORD.findall(text.lower())).items():
            code = zlib.crc32(word.encode())
            sign = 1.0 if code & 1 else -1.0
            buckets[(code >> 1) % self.features] += sign * np.log1p(count)
        length = np.linalg.norm(buckets)
        return (buckets / length if length else buckets).astype(np.float32)


class EncodedText(gymnasium.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Replaces each text in the observations by an array, and leaves everything else as it is.

    The observations stay a dictionary, which policies with several inputs read, such as
    Stable-Baselines3's ``MultiInputPolicy``. :class:`~mle_gym.wrappers.TextFeatures` makes one
    vector of them instead.

    >>> env = EncodedText(gymnasium.make("mle/titanic-v0"), HashedWords(64))
    >>> env.observation_space["output"].shape
    (64,)

    Args:
        env: An environment whose observations are a text, or a dictionary with texts.
        encode: Makes an array of a text, always of the same shape, such as a language model's
            embedding.

    Raises:
        ValueError: There is no text in the observations.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        encode: Callable[[str], npt.NDArray[Any]] = HashedWords(),
    ) -> None:
        RecordConstructorArgs.__init__(self, encode=encode)
        super().__init__(env)
        self.encode = encode
        example = encode("")
        self._box = spaces.Box(-np.inf, np.inf, example.shape, example.dtype)
        space = env.observation_space
        self._texts = _texts(space)
        if isinstance(space, spaces.Dict):
            parts = {name: self._box if name in self._texts else space[name] for name in space}
            self.observation_space = spaces.Dict(parts)
        else:
            self.observation_space = self._box
        if not self._texts:
            raise ValueError(f"EncodedText requires observations with a text, found {space}")

    def observation(self, observation: Any) -> Any:
        """The observation with arrays in place of texts."""
        if isinstance(observation, str):
            return self.encode(observation)
        encoded = {name: self.encode(observation[name]) for name in self._texts}
        return {**observation, **encoded}


def _texts(space: spaces.Space[Any]) -> tuple[str, ...]:
    """The names of the texts in a dictionary; one without a name for a space of texts."""
    kinds = (UnicodeText, spaces.Text)
    if isinstance(space, spaces.Dict):
        return tuple(name for name in space if isinstance(space[name], kinds))
    return ("",) if isinstance(space, kinds) else ()

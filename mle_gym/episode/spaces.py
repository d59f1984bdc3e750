"""The spaces: text that a terminal may show, and the actions that an agent may take.

Neither derives from ``gymnasium.spaces.Text``: its character set for all of Unicode costs two
seconds and 100 MB, and its shared memory silently returns stale text. Every vector environment
batches values of plain spaces as tuples.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from gymnasium import Space, spaces
from gymnasium.wrappers.utils import create_zero_array

from mle_gym.episode.actions.action import RawAction
from mle_gym.episode.actions.parse import parse_action
from mle_gym.errors import ActionError

__all__ = ["ActionSpace", "UnicodeText", "observation_space"]

_ROOM_FOR_NOTES = 200_000
"""Characters for the brief, and for notes on what was cut from an output and how it ended."""

_WORDS = ("accuracy", "baseline", "epoch", "naïve", "loss", "模型", "ok", "train.csv", "✓", "0.78")

_HARMLESS: tuple[RawAction, ...] = (
    "pwd",
    "ls",
    "ls -la data",
    "head -n 3 data/train.csv",
    "wc -l data/train.csv",
    "date",
    {"tool": "bash", "command": "echo hello", "timeout": 10},
    {"tool": "python", "code": "1 + 1"},
    {"tool": "list_files"},
    {"tool": "list_files", "path": "data"},
    {"tool": "read_file", "path": "data/train.csv", "start": 1, "lines": 3},
    {"tool": "write_file", "path": "notes.txt", "content": "Look at the data first.\n"},
    {"tool": "validate"},
)


class UnicodeText(Space[str]):
    """Any string that UTF-8 can carry, up to a length.

    >>> "précision ✓" in UnicodeText(100)
    True
    >>> chr(0xD800) in UnicodeText(100)  # a lone surrogate
    False

    Args:
        max_length: The longest string in it, in characters. The empty string is also in it.
        seed: Seed of :meth:`sample`.
    """

    def __init__(self, max_length: int, *, seed: int | np.random.Generator | None = None) -> None:
        if max_length < 1:
            raise ValueError(f"max_length must be at least 1, not {max_length}")
        self.max_length = int(max_length)
        super().__init__(dtype=str, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """Text has no fixed shape; :class:`~mle_gym.wrappers.TextFeatures` turns it into arrays."""
        return False

    def sample(self, mask: None = None, probability: None = None) -> str:
        """A few words. There is nothing to mask."""
        _refuse_masks(self, mask, probability)
        count = int(self.np_random.integers(0, 12))
        words = [_WORDS[int(i)] for i in self.np_random.integers(0, len(_WORDS), count)]
        return " ".join(words)[: self.max_length]

    def contains(self, x: Any) -> bool:
        """Whether it is a string of at most ``max_length`` characters, without lone surrogates."""
        if not isinstance(x, str) or len(x) > self.max_length:
            return False
        try:
            x.encode()
        except UnicodeEncodeError:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        """Spaces with the same bound are the same."""
        return isinstance(other, UnicodeText) and self.max_length == other.max_length

    def __hash__(self) -> int:
        """Hash by the bound."""
        return hash((UnicodeText, self.max_length))

    def __repr__(self) -> str:
        """``UnicodeText(20000)``."""
        return f"UnicodeText({self.max_length})"


class ActionSpace(Space[RawAction]):
    """Every action that :func:`~mle_gym.episode.actions.parse.parse_action` understands.

    Args:
        seed: Seed of :meth:`sample`.
    """

    def __init__(self, *, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(dtype=object, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """Actions have no fixed shape; :class:`~mle_gym.wrappers.CommandMenu` numbers some."""
        return False

    def sample(self, mask: None = None, probability: None = None) -> RawAction:
        """A harmless action, a string or a tool call, which looks around and never submits."""
        _refuse_masks(self, mask, probability)
        return copy.deepcopy(_HARMLESS[int(self.np_random.integers(len(_HARMLESS)))])

    def contains(self, x: Any) -> bool:
        """Whether the action is well formed. A step with a malformed one says what is wrong."""
        try:
            parse_action(x)
        except ActionError:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        """There is one action space."""
        return isinstance(other, ActionSpace)

    def __hash__(self) -> int:
        """There is one action space."""
        return hash(ActionSpace)

    def __repr__(self) -> str:
        """``ActionSpace()``."""
        return "ActionSpace()"


def observation_space(*, max_steps: int, time_limit: float, output_bytes: int) -> spaces.Dict:
    """The observations of an environment with these limits."""
    return spaces.Dict(
        {
            "output": UnicodeText(output_bytes + _ROOM_FOR_NOTES),
            "exit_code": spaces.Discrete(256),
            "steps_left": spaces.Discrete(max_steps + 1),
            "seconds_left": spaces.Box(0.0, time_limit, (1,), np.float64),
        }
    )


def _no_text(space: Space[Any]) -> str:
    """The empty text, which wrappers show as the observations before the first."""
    return ""


create_zero_array.register(UnicodeText, _no_text)


def _refuse_masks(space: Space[Any], mask: object, probability: object) -> None:
    """Refuse masks: the values of these spaces can't be enumerated."""
    if mask is not None or probability is not None:
        raise ValueError(f"{space} can't be sampled with a mask or a probability")

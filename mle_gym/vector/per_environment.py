"""Turns what a vector environment is given once into one value for each environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Mask", "Options", "Seeds", "chosen_by", "options_of_each", "seed_of_each"]

Mask = npt.ArrayLike | None
Seeds = int | Sequence[int | None] | None
Options = dict[str, Any] | Sequence[dict[str, Any] | None] | None


def seed_of_each(seed: Seeds, count: int) -> Sequence[int | None]:
    """The seeds. An integer stands for ``seed, seed + 1, …``."""
    if seed is None:
        return [None] * count
    if isinstance(seed, int | np.integer):
        return [int(seed) + i for i in range(count)]
    if len(seed) != count:
        raise ValueError(f"seed: expected {count} seeds, found {len(seed)}")
    return seed


def options_of_each(options: Options, count: int) -> list[dict[str, Any] | None]:
    """The options without the mask. Unless they are a list, all environments get the same."""
    if options is None or isinstance(options, Mapping):
        others = {key: value for key, value in (options or {}).items() if key != "reset_mask"}
        # None continues with the options of the reset before, and an empty dict clears them.
        unsaid = not others and options != {}
        return [None if unsaid else others] * count
    each = list(options)
    if len(each) != count:
        raise ValueError(f"options: expected {count} dicts, found {len(each)}")
    return each


def chosen_by(name: str, mask: Mask, count: int) -> list[int]:
    """The environments that a mask chooses; all without one.

    Args:
        name: The mask's, for the message.
        mask: Booleans of shape ``(count,)``, at least one of them True.
        count: How many environments there are.
    """
    if mask is None:
        return list(range(count))
    mask = np.asarray(mask)
    if mask.dtype != np.bool_ or mask.shape != (count,) or not mask.any():
        raise ValueError(
            f"{name} must be a boolean array of shape ({count},) with at least one True, "
            f"not {mask!r}"
        )
    return [int(i) for i in np.flatnonzero(mask)]

"""Which variant an episode plays: a number, or a range from which each reset draws one.

Positive numbers are for training, negative ones are held out, and 0 is the canonical variant, so
training on ``"train"`` never uses a variant of ``"heldout"``. The ranges have 63 bits, which is too
many to find a number by trial.
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

__all__ = ["check_variant", "draw_variant", "parse_variant"]

TRAIN, HELD_OUT = (1, 2**63 - 1), (-(2**63), -1)
"""First and last number of both ranges."""
NAMED = {"train": TRAIN, "random": TRAIN, "heldout": HELD_OUT}
RANGE = re.compile(r"(-?\d{1,19})-(-?\d{1,19})")
EXPECTED = "an integer, 'train', 'heldout', 'random' or a range such as '1-100'"


def check_variant(value: Any) -> int | str:
    """A number as an ``int``; a range or its name as it is.

    Raises:
        ValueError: The value is neither.
    """
    if isinstance(value, str):
        _bounds(value)
        return value
    if isinstance(value, bool) or not hasattr(value, "__index__"):  # numpy's integers have it
        raise ValueError(f"variant must be {EXPECTED}, not {value!r}")
    return operator.index(value)


def parse_variant(text: str) -> int | str:
    """The variant that a word on a command line stands for.

    Raises:
        ValueError: The word is not a variant.
    """
    number = text.removeprefix("-").isdecimal()
    return check_variant(int(text) if number else text)


def draw_variant(variant: int | str, rng: np.random.Generator) -> int:
    """The number itself, or a number drawn from the range."""
    if isinstance(variant, int):
        return variant
    first, last = _bounds(variant)
    return int(rng.integers(first, last, endpoint=True))


def _bounds(text: str) -> tuple[int, int]:
    """The first and the last number of a range."""
    if text in NAMED:
        return NAMED[text]
    found = RANGE.fullmatch(text)
    if found is None:
        raise ValueError(f"variant must be {EXPECTED}, not {text!r}")
    first, last = int(found[1]), int(found[2])
    if not (TRAIN[0] <= first <= last <= TRAIN[1] or HELD_OUT[0] <= first <= last <= HELD_OUT[1]):
        raise ValueError(
            "variant: expected an ascending range of positive numbers (training) or of negative "
            f"ones (held out), with at most 63 bits; found {text!r}"
        )
    return first, last

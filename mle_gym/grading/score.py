"""A score with its named parts, as a ``grade.py`` may return them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Part", "Score", "read_parts"]

Part = float | str
"""One part of a score: a number, or a few words such as ``"9 of 14"``."""

MOST_PARTS = 20
LONGEST_NAME, LONGEST_TEXT = 40, 100
"""Characters; more can't be shown in a line."""
LARGEST = 1e300
"""Integers beyond are no floats."""


@dataclass(frozen=True)
class Score:
    """What a submission is worth, and what that is made of."""

    value: float
    parts: Mapping[str, Part] = field(default_factory=dict)
    """By name; for people and for rewards of one's own, since the value alone is the result."""


def read_parts(text: str) -> dict[str, Part]:
    """Parts from the JSON of a grader's sandbox, which may be hostile; none if it is not that."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or len(found) > MOST_PARTS:
        return {}
    return found if all(_fits(name, part) for name, part in found.items()) else {}


def _fits(name: object, part: object) -> bool:
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        return False
    if isinstance(part, str):
        return len(part) <= LONGEST_TEXT and part.isprintable()
    if isinstance(part, bool) or not isinstance(part, (int, float)):
        return False
    return abs(part) < LARGEST and math.isfinite(part)

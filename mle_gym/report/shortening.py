"""Values made fit for a page: texts of bounded length, and numbers that JSON can express."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["LONGEST_LINE", "LONGEST_TEXT", "plain", "shorten", "to_json"]

LONGEST_TEXT = 20_000
LONGEST_LINE = 2_000
"""Characters. A browser lays out a line of ten megabytes for minutes."""
MOST_INTEGER = 2**53
"""Larger ones are not exact in JavaScript, so they become text."""
DEEPEST = 12
MOST_ITEMS = 500


def shorten(text: str, most: int = LONGEST_TEXT) -> str:
    """A text with its head and its tail, and long lines cut; notes say how much is left out."""
    half = most // 2
    if len(text) > most:
        note = f"\n[… {len(text) - 2 * half:,} characters left out …]\n"
        text = text[:half] + note + text[-half:]
    if len(text) <= LONGEST_LINE:
        return text
    return "\n".join(map(_short_line, text.split("\n")))


def _short_line(line: str) -> str:
    if len(line) <= LONGEST_LINE:
        return line
    return f"{line[:LONGEST_LINE]} [… {len(line) - LONGEST_LINE:,} characters left out …]"


def plain(value: Any, depth: int = DEEPEST) -> Any:
    """A value as JSON has it, of bounded size: numbers to six digits, None for the infinite ones.

    Of a list or a mapping with more than :data:`MOST_ITEMS` entries, the first are kept.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= MOST_INTEGER else shorten(hex(value), 40)
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, str):
        return shorten(value)
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        items = list(value.items())[:MOST_ITEMS]
        return {str(name)[:200]: plain(each, depth - 1) for name, each in items}
    if isinstance(value, list | tuple):
        return [plain(each, depth - 1) for each in value[:MOST_ITEMS]]
    return shorten(str(value))


def to_json(value: Any) -> str:
    """JSON that may stand anywhere in HTML: it has no tag, no entity and no line separator."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

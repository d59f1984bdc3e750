"""How many bytes a submission of the right shape can have at most, so that larger ones go unread.

Whoever hands in a file chooses what it costs to read, as often as the episode allows, and it is
read outside of the sandbox with its limits. So what can't be right by its size alone is refused
before anything of it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mle_gym.grading.csv.typed_columns import LONGEST_VALUE

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.tasks.spec import Column, SubmissionSpec

__all__ = ["most_bytes"]

NUMBER_BYTES = 256
"""Of a number: ten times what a 64-bit float takes, enough for all decimals of a probability."""
AROUND = 16
"""Of any other value beside its text: a delimiter, quotes, spaces."""
SPARE = 1 << 20
"""For the header and blank lines, and so that wrong columns or rows of a small file are named."""
UTF8 = 4
"""Bytes of a character."""


def most_bytes(spec: SubmissionSpec, ids: pd.Index) -> int:
    """Bytes of the largest submission that could be valid; never more than the task's own limit.

    Args:
        spec: The columns.
        ids: The rows.
    """
    cells = sum(_cell(column) for name, column in spec.columns.items() if name != spec.id)
    texts = ids.dtype == object
    every_id = sum(map(_text, ids)) if texts else NUMBER_BYTES * len(ids)
    return min(spec.max_bytes, SPARE + every_id + cells * len(ids))


def _cell(column: Column) -> int:
    """Bytes of the longest value of a column."""
    if column.type != "str":
        return NUMBER_BYTES
    if column.values is None:
        return UTF8 * LONGEST_VALUE + AROUND
    return _longest(map(str, column.values))


def _longest(texts: Iterable[str]) -> int:
    return max(map(_text, texts), default=0)


def _text(text: str) -> int:
    """Bytes of a text that consists of quotes, each written twice."""
    return 2 * len(text.encode("utf-8", "replace")) + AROUND

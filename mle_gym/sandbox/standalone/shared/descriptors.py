"""Descriptors that a process inherited and must not keep."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


def close_all_but(kept: Collection[int], end: int) -> None:
    """Close every descriptor beyond the standard streams but the kept ones.

    Args:
        kept: Numbers of descriptors.
        end: No open descriptor has this number or a higher one. Where Python can't close a range
            with one system call, it tries every number below.
    """
    first = 3
    for descriptor in sorted(kept):
        if first < descriptor:  # an empty range would mean all of them
            os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, end)

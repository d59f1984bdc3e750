"""What a check of a task has found."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Check"]


class Check(NamedTuple):
    """One thing that a sound task does, and whether this one does it."""

    name: str
    passed: bool
    detail: str
    """What was found; a sentence for people."""

"""Which graders' sandboxes are alive in this process: few are kept, and none outlives it."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from typing import Protocol

__all__ = ["Living", "end_idle", "keep", "register"]

MOST_ALIVE = 4
"""Sandboxes that are kept; each holds the libraries of a ``grade.py`` in memory."""


class Living(Protocol):
    """What may have a process in a sandbox."""

    lock: threading.RLock
    """Held while it grades."""

    def close(self) -> None:
        """End the process."""

    def forget(self) -> None:
        """In a forked child: the process is the parent's."""


_known: weakref.WeakSet[Living] = weakref.WeakSet()
_counting = threading.Lock()
_alive: list[Living] = []
"""Those with a process, the one that was started last at the end."""


def register(each: Living) -> None:
    """End it with this process, and have it forget its own in a forked child."""
    _known.add(each)


def keep(started: Living) -> None:
    """Count one that has started, and end what is too much."""
    with _counting:
        if started in _alive:
            _alive.remove(started)
        _alive.append(started)
    end_idle()


def end_idle() -> None:
    """End the oldest idle ones beyond the most that are kept."""
    with _counting:
        for other in _alive[:-MOST_ALIVE]:
            if other.lock.acquire(blocking=False):  # a busy one is ended another time
                try:
                    other.close()
                finally:
                    other.lock.release()
                _alive.remove(other)


def _forget_all() -> None:
    """After a fork: what runs is the parent's."""
    global _counting
    _counting = threading.Lock()
    _alive.clear()
    for each in list(_known):
        each.forget()


def _close_all() -> None:
    for each in list(_known):
        each.close()


os.register_at_fork(after_in_child=_forget_all)
atexit.register(_close_all)

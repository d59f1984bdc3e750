"""Limits how many commands run at the same time, so that CPU-bound work queues and never thrashes.

A host process runs as many shell scripts at a time as the machine has processors;
``MLE_GYM_MAX_COMMANDS`` sets another number, 0 for no limit. Later scripts start in the order in
which they arrived. Scripts that wait for something other than a processor (``sleep``, a download)
don't hold others up: while a processor is idle, one more may start every :data:`WINDOW` seconds.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path

__all__ = ["VARIABLE", "WINDOW", "Slots", "current_slots"]

VARIABLE = "MLE_GYM_MAX_COMMANDS"
WINDOW = 0.05
"""Seconds over which idleness is measured; the kernel counts it in hundredths of a second."""
_IDLE_PROCESSORS = 0.5
"""How much of a processor must have been idle for one more command to start."""
_STALE_SECONDS = 1.0
"""An older measurement says nothing about now, since the load may have changed."""


class Slots:
    """Slots for commands, first come, first served.

    Args:
        count: How many slots there are; 0 for no limit.
        idle_seconds: Returns how long all processors together have been idle since some moment.
    """

    def __init__(self, count: int, idle_seconds: Callable[[], float]) -> None:
        self._count, self._idle_seconds = count, idle_seconds
        self._taken = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()
        self._looked = time.monotonic(), idle_seconds()

    def take(self) -> bool:
        """Take a slot if one is free; never waits."""
        with self._changed:
            possible = not self._waiting and self._is_free()
            self._taken += possible
            return possible

    def wait(self, called_off: threading.Event) -> bool:
        """Wait for a slot and take it; False if the wait was called off first."""
        place = object()
        with self._changed:
            self._waiting.append(place)
            try:
                while not called_off.is_set():
                    if self._waiting[0] is place and self._is_free():
                        self._taken += 1
                        return True
                    self._changed.wait(WINDOW)
                return False
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()

    def give_back(self) -> None:
        """Free a slot for the next one."""
        with self._changed:
            self._taken -= 1
            self._changed.notify_all()

    def _is_free(self) -> bool:
        return not self._count or self._taken < self._count or self._is_idle()

    def _is_idle(self) -> bool:
        """Whether a processor has been idle since the last measurement, a short while ago."""
        (then, idle), now = self._looked, time.monotonic()
        if now - then < WINDOW:
            return False
        self._looked = now, self._idle_seconds()
        fresh = now - then < _STALE_SECONDS
        return fresh and self._looked[1] - idle > _IDLE_PROCESSORS * (now - then)


@cache
def current_slots() -> Slots:
    """This process's slots.

    Raises:
        ValueError: The environment variable doesn't hold a number.
    """
    given = os.environ.get(VARIABLE, "")
    if given and not given.isdecimal():
        raise ValueError(f"{VARIABLE}: expected a number of commands, or 0, found {given!r}")
    return Slots(int(given) if given else len(os.sched_getaffinity(0)), _idle_seconds)


# A forked copy of this process runs none of the commands that hold its slots.
os.register_at_fork(after_in_child=current_slots.cache_clear)


def _idle_seconds() -> float:
    """From ``/proc/stat``: the fourth figure in its first line is all processors' idle time."""
    first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    return int(first.split()[4]) / os.sysconf("SC_CLK_TCK")

"""Makes an episode's shell scripts wait for a free processor, with the agent's clock stopped."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from mle_gym.episode.clock import Clock
from mle_gym.episode.command_slots import current_slots

__all__ = ["CalledOff", "ScriptTurns"]


class CalledOff(Exception):
    """A script was interrupted before it began."""


class ScriptTurns:
    """Gives the scripts of one episode their turns.

    Args:
        clock: The agent's clock, which is stopped while a script waits.

    Raises:
        ValueError: ``MLE_GYM_MAX_COMMANDS`` is not a number.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slots = current_slots()
        self._called_off = threading.Event()
        """Set when a waiting script must not run any more, since it was interrupted or closed."""

    def admit(self) -> None:
        """Let scripts run again after :meth:`call_off`."""
        self._called_off.clear()

    def call_off(self) -> None:
        """End the wait of a script, which then doesn't run. From any thread."""
        self._called_off.set()

    @contextlib.contextmanager
    def turn(self) -> Iterator[float]:
        """Wait for a slot to run a script in, and yield the seconds that the wait lasted.

        Raises:
            CalledOff: The wait was called off.
        """
        began, queued = time.monotonic(), 0.0
        if not self._slots.take():
            self._wait()
            queued = time.monotonic() - began
        try:
            yield queued
        finally:
            self._slots.give_back()

    def _wait(self) -> None:
        taken = False
        try:
            with self._clock.stopped():
                taken = self._slots.wait(self._called_off)
        except BaseException:
            if taken:
                self._slots.give_back()
            raise
        if not taken:
            raise CalledOff

"""Ctrl-C while the host speaks with a runner: the exchange is finished first, and soon."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
else:
    # The public functions look every handler up in an enumeration, in vain, and every exchange
    # would pay for that.
    import _signal as signal

__all__ = ["Watch", "held_back"]


class Watch:
    """Tells a Ctrl-C from a KeyboardInterrupt that a program raises by itself.

    Only the main thread ever sees a Ctrl-C. Where a program has its own way with the signal, or
    Python has none, any KeyboardInterrupt passes for one.
    """

    def __init__(self) -> None:
        self._came = False
        self._main = threading.current_thread() is threading.main_thread()
        self._previous: Callable[[int, FrameType | None], object] | None = None

    def begin(self) -> None:
        """Look out for the signal, which is passed on."""
        previous = signal.getsignal(signal.SIGINT)
        if self._main and callable(previous):
            self._previous = previous
            signal.signal(signal.SIGINT, self._handle)

    def end(self) -> bool:
        """Look no longer; whether a KeyboardInterrupt of this time may be a Ctrl-C."""
        if not self._main:
            return False
        if self._previous is None or signal.getsignal(signal.SIGINT) != self._handle:
            return True
        signal.signal(signal.SIGINT, self._previous)
        return self._came

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._came = True
        if self._previous is not None:
            self._previous(number, frame)


@contextlib.contextmanager
def held_back(on_interrupt: Callable[[], None]) -> Iterator[None]:
    """Hold a Ctrl-C back until the end of the block, so that host and runner stay in step.

    A second one goes through at once. Only the main thread ever sees any.

    Args:
        on_interrupt: Makes the block end soon. Called between any two instructions of it.
    """
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(previous):
        yield
        return
    held: list[FrameType | None] = []

    def handle(number: int, frame: FrameType | None) -> None:
        held.append(frame)
        if len(held) == 1:
            on_interrupt()
        else:
            previous(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if len(held) == 1:
            previous(signal.SIGINT, held[0])

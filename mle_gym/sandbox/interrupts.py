"""Ctrl-C while the host talks to a runner: the exchange is finished first, and soon."""

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
    """Distinguishes a Ctrl-C from a KeyboardInterrupt that a program raises by itself.

    Only the main thread ever sees a Ctrl-C. If a program handles the signal itself, or Python
    doesn't, any KeyboardInterrupt counts as one.
    """

    def __init__(self) -> None:
        self._came = False
        self._main = threading.current_thread() is threading.main_thread()
        self._previous: Callable[[int, FrameType | None], object] | None = None

    def begin(self) -> None:
        """Begin to watch for the signal, which still reaches its handler."""
        previous = signal.getsignal(signal.SIGINT)
        if self._main and callable(previous):
            self._previous = previous
            signal.signal(signal.SIGINT, self._handle)

    def end(self) -> bool:
        """Stop watching; returns whether a KeyboardInterrupt since then may be a Ctrl-C."""
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

    A second one gets through at once. Only the main thread ever sees one.

    Args:
        on_interrupt: Makes the block end soon. It may be called between any two instructions.
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

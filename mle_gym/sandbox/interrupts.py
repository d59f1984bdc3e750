"""Ctrl-C while the host speaks with a runner: the exchange is finished first, and soon."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["held_back"]


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

"""The byte stream between the host and a runner."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["SocketStream", "Stream"]

_CHUNK = 1 << 18


class Stream(Protocol):
    """A byte stream to a runner."""

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of ``data`` before ``deadline`` (of :func:`time.monotonic`).

        Raises:
            OSError: the stream broke, or the deadline passed (:class:`TimeoutError`).
        """

    def receive(self, deadline: float) -> bytes:
        """Some bytes, at least one; ``b""`` at the end of the stream. Raises as :meth:`send`."""

    def close(self) -> None:
        """End the runner and free what belongs to it. Idempotent."""

    def discard(self) -> None:
        """The same, without waiting for what goes on by itself."""


class SocketStream:
    """A :class:`Stream` over a connected socket."""

    def __init__(self, connection: socket.socket, end: Callable[[], None]) -> None:
        """Take over a connection.

        Args:
            connection: To the runner.
            end: Ends the runner and frees what belongs to it; called once, after hanging up.
        """
        self._socket, self._end = connection, end
        self._open = True

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of ``data``; see :meth:`Stream.send`."""
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        self._socket.sendall(data)

    def receive(self, deadline: float) -> bytes:
        """Some bytes; see :meth:`Stream.receive`."""
        while True:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                return self._socket.recv(_CHUNK)
            except ConnectionResetError:
                return b""
            except TimeoutError:  # perhaps that of a thread that sent an interrupt
                if time.monotonic() >= deadline:
                    raise

    def close(self) -> None:
        """Hang up and end the runner. Idempotent."""
        if self._open:
            self._open = False
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for data
            self._socket.close()
            self._end()

    def discard(self) -> None:
        """As :meth:`close`, which waits for nothing."""
        self.close()

"""The byte stream between the host and a runner."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["SocketStream", "Stream", "receive_some", "send_all"]

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
        """Like :meth:`close`, but return at once and clean up in the background."""


def send_all(connection: socket.socket, data: bytes, deadline: float) -> None:
    """Send all of ``data`` over a socket; see :meth:`Stream.send`."""
    connection.settimeout(max(0.001, deadline - time.monotonic()))
    connection.sendall(data)


def receive_some(connection: socket.socket, deadline: float) -> bytes:
    """Some bytes that a socket received; see :meth:`Stream.receive`."""
    while True:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            return connection.recv(_CHUNK)
        except ConnectionResetError:
            return b""
        except TimeoutError:  # perhaps that of a thread that sent an interrupt
            if time.monotonic() >= deadline:
                raise


class SocketStream:
    """A :class:`Stream` over a connected socket."""

    def __init__(self, connection: socket.socket, end: Callable[[], None]) -> None:
        """Own a connection from now on.

        Args:
            connection: To the runner.
            end: Ends the runner and frees what belongs to it; called once, after hanging up.
        """
        self._socket, self._end = connection, end
        self._open = True

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of ``data``; see :meth:`Stream.send`."""
        send_all(self._socket, data, deadline)

    def receive(self, deadline: float) -> bytes:
        """Some bytes; see :meth:`Stream.receive`."""
        return receive_some(self._socket, deadline)

    def close(self) -> None:
        """Hang up and end the runner. Idempotent."""
        if self._open:
            self._open = False
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for data
            self._socket.close()
            self._end()

    def discard(self) -> None:
        """Do the same as :meth:`close`, which doesn't wait for anything here."""
        self.close()

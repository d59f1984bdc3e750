"""The byte stream to a container's first process, over the connection that attached to it."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

from docker.errors import DockerException

from mle_gym.sandbox.stream import receive_some, send_all

__all__ = ["AttachedStream", "Demultiplexer"]

_HEADER = struct.Struct(">BxxxI")
_STANDARD_OUTPUT = 1
_KEPT_MESSAGES = 4096


class Demultiplexer:
    """Takes standard output out of what a daemon sends for a container without a terminal.

    Each piece there is preceded by eight bytes: which stream it belongs to, three zeros, and its
    length. Pieces arrive cut anywhere.
    """

    def __init__(self) -> None:
        self._kind = 0
        self._left = 0
        self._header = bytearray()
        self._messages = bytearray()

    @property
    def messages(self) -> str:
        """The end of what came on the other streams: why a program could not start, usually."""
        return self._messages.decode("utf-8", "replace").strip()

    def feed(self, data: bytes) -> bytes:
        """The bytes of standard output in ``data``, possibly none."""
        output = bytearray()
        position = 0
        while position < len(data):
            if self._left == 0:
                position = self._take_header(data, position)
                continue
            piece = data[position : position + self._left]
            position += len(piece)
            self._left -= len(piece)
            if self._kind == _STANDARD_OUTPUT:
                output += piece
            else:
                self._messages += piece
                del self._messages[:-_KEPT_MESSAGES]
        return bytes(output)

    def _take_header(self, data: bytes, position: int) -> int:
        missing = _HEADER.size - len(self._header)
        self._header += data[position : position + missing]
        if len(self._header) == _HEADER.size:
            self._kind, self._left = _HEADER.unpack(self._header)
            self._header.clear()
        return position + missing


class AttachedStream:
    """A :class:`~mle_gym.sandbox.stream.Stream` over the SDK's ``attach_socket``."""

    def __init__(self, attached: Any, remove: Callable[[], None]) -> None:
        """Take over a connection.

        Args:
            attached: What ``attach_socket`` returned: for a local daemon a file around the socket.
            remove: Ends the container and removes it.
        """
        self._attached = attached
        self._socket = getattr(attached, "_sock", attached)
        self._remove = remove
        self._pieces = Demultiplexer()
        self._open = True

    @property
    def messages(self) -> str:
        """What the container wrote to standard error."""
        return self._pieces.messages

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of ``data``; see :meth:`Stream.send`."""
        send_all(self._socket, data, deadline)

    def receive(self, deadline: float) -> bytes:
        """Some bytes of standard output; see :meth:`Stream.receive`."""
        while data := receive_some(self._socket, deadline):
            if output := self._pieces.feed(data):
                return output
        return b""

    @property
    def open(self) -> bool:
        """Whether nobody has closed it."""
        return self._open

    @property
    def silent(self) -> bool:
        """Whether nothing has come: neither words nor the end of the stream."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | select.POLLRDHUP)
        return not poll.poll(0)

    def close(self) -> None:
        """End the container and remove it. Idempotent.

        A daemon that doesn't answer is left alone: it removes the container when the runner, which
        sees the connection end, has left.
        """
        if self._open:
            self._say_goodbye()
            self._finish()

    def discard(self) -> None:
        """The same without waiting: its processes end now, the daemon's work goes on meanwhile."""
        if self._open:
            self._say_goodbye()
            # No daemon thread: a process that ends waits until nothing is left.
            threading.Thread(target=self._finish, name="mle-gym container's end").start()

    def hang_up(self) -> None:
        """Let go of the connection, which another process still has."""
        self._open = False
        with contextlib.suppress(OSError):
            # The response holds the socket's last reference, where there is one.
            getattr(self._attached, "_response", self._attached).close()
            self._attached.close()

    def _say_goodbye(self) -> None:
        self._open = False
        with contextlib.suppress(OSError):
            # First, or the daemon would wait for us to read what the runner still sends.
            self._socket.shutdown(socket.SHUT_RDWR)

    def _finish(self) -> None:
        try:
            with contextlib.suppress(DockerException, OSError):
                self._remove()
        finally:
            self.hang_up()

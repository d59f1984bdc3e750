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
    """Extracts standard output from what a daemon sends for a container without a terminal.

    Eight bytes come before each piece: the stream to which it belongs, three zeros, and its length.
    Pieces may be split anywhere.
    """

    def __init__(self) -> None:
        self._kind = 0
        self._left = 0
        self._header = bytearray()
        self._messages = bytearray()

    @property
    def messages(self) -> str:
        """The end of the other streams: usually the reason why a program didn't start."""
        return self._messages.decode("utf-8", "replace").strip()

    def feed(self, data: bytes) -> bytes:
        """Return the bytes of standard output in ``data``, possibly none."""
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
        """Own a connection from now on.

        Args:
            attached: What ``attach_socket`` returned; for a local daemon, a file around the socket.
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
        """Whether nothing has arrived, neither data nor the end of the stream."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | select.POLLRDHUP)
        return not poll.poll(0)

    def close(self) -> None:
        """End the container and remove it. Idempotent.

        If the daemon doesn't answer, it removes the container later: the runner notices the end of
        the connection and leaves.
        """
        if self._open:
            self._say_goodbye()
            self._finish()

    def discard(self) -> None:
        """Like :meth:`close`, but return at once: the daemon removes it in the background."""
        if self._open:
            self._say_goodbye()
            # Not a daemon thread: a process that ends waits for the removal.
            threading.Thread(target=self._finish, name="mle-gym container's end").start()

    def hang_up(self) -> None:
        """Let go of the connection, which another process still uses."""
        self._open = False
        with contextlib.suppress(OSError):
            # If there is a response, it holds the last reference to the socket.
            getattr(self._attached, "_response", self._attached).close()
            self._attached.close()

    def _say_goodbye(self) -> None:
        self._open = False
        with contextlib.suppress(OSError):
            # Comes first, or the daemon would wait for us to read what the runner still sends.
            self._socket.shutdown(socket.SHUT_RDWR)

    def _finish(self) -> None:
        try:
            with contextlib.suppress(DockerException, OSError):
                self._remove()
        finally:
            self.hang_up()

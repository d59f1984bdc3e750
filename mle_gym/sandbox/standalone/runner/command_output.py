"""A command's output: its head and tail in memory, all of it (up to a cap) in a file."""

from __future__ import annotations

import errno
import os
import time

from ..shared.frames import send_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import FileIO

MOST_SENT = 3_500
"""Bytes of output in one frame. A stream that can be written to has room for the whole frame, so
that no host can make the runner wait, and overlook a deadline, by not reading."""
NEWEST = 1_000
"""Bytes that are sent of output whose head has been sent."""
NEWEST_EVERY = 0.2
"""Seconds between these."""


class Output:
    """Collects the bytes of a command's output and shows at most ``limit`` of them.

    Args:
        limit: Bytes to show, half of them from the start and half from the end.
        file_limit: Bytes to keep in the file.
        path: The file, which is made when there is more than ``limit``; empty for no file.
    """

    def __init__(self, limit: int, file_limit: int = 0, path: str = "") -> None:
        self._limit, self._file_limit, self._path = limit, file_limit, path
        self._head, self._tail, self._total = bytearray(), bytearray(), 0
        self._file: FileIO | None = None
        self._file_size = 0

    def add(self, data: bytes) -> None:
        """Add the next bytes."""
        fitted = self._total <= self._limit
        self._total += len(data)
        if self._total <= self._limit:
            self._head += data
            return
        if fitted:
            self._open_file()
            data = bytes(self._head) + data
            self._head = bytearray(data[: self._limit // 2])
            self._tail += data[self._limit // 2 :]
        else:
            self._tail += data
        self._write(data)
        if len(self._tail) > 16 * self._limit:
            del self._tail[: -self._limit]

    @property
    def total(self) -> int:
        """How many bytes were added."""
        return self._total

    def head(self, start: int, most: int) -> bytes:
        """Bytes from a position on, of the half of ``limit`` that is shown however many follow."""
        return bytes(self._head[start : min(start + most, self._limit // 2)])

    def newest(self, most: int) -> bytes:
        """The last bytes that were added."""
        return bytes((self._tail or self._head)[-most:])

    def finish(self) -> tuple[bytes, int]:
        """Return the bytes to show, with a note about missing ones, and how many are missing."""
        if self._file:
            self._file.close()
        if self._total <= self._limit:
            return bytes(self._head), 0
        tail = bytes(self._tail[-(self._limit - self._limit // 2) :])
        left_out = self._total - len(self._head) - len(tail)
        note = f"\n[... {left_out} bytes of output left out{self._where()} ...]\n"
        return bytes(self._head) + note.encode() + tail, left_out

    def _where(self) -> str:
        if not self._file_size:
            return ""
        if self._file_size < self._total:
            return f"; its first {self._file_size} bytes are in {self._path}"
        return f"; all of it is in {self._path}"

    def _open_file(self) -> None:
        if not self._path:
            return
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            self._file = replace_file(self._path)
        except OSError:
            return

    def _write(self, data: bytes) -> None:
        data = data[: max(0, self._file_limit - self._file_size)]
        if not self._file or not data:
            return
        try:
            written = self._file.write(data)
        except OSError:
            written = 0
        self._file_size += written
        if written < len(data):
            # The disk is full. What was written is still worth reading.
            self._file_limit = self._file_size


class LiveOutput:
    """Sends the host what a command writes while it runs: the head, then now and then its end.

    Args:
        output: Collects what the command writes.
        sink: The descriptor of the stream to the host.
    """

    def __init__(self, output: Output, sink: int) -> None:
        self._output, self._sink = output, sink
        self._sent = 0
        """Bytes of the head that were sent."""
        self._seen = 0
        """How many bytes there were when the newest ones were sent, and when that may be again."""
        self._not_before = 0.0

    def has_more(self) -> bool:
        """Whether there is something to send now, for which the stream must have room."""
        if self._output.head(self._sent, 1):
            return True
        over = self._output.total > max(self._sent, self._seen)
        return over and time.monotonic() >= self._not_before

    def send(self) -> None:
        """Send one frame; to be called only if the stream has room for one."""
        part = self._output.head(self._sent, MOST_SENT)
        if part:
            self._sent += len(part)
            send_frame(self._sink, {"op": "printed", "newest": False}, part)
        elif self.has_more():
            self._seen = self._output.total
            self._not_before = time.monotonic() + NEWEST_EVERY
            newest = self._output.newest(NEWEST)
            send_frame(self._sink, {"op": "printed", "newest": True}, newest)


def write_whole(path: str, content: bytes) -> None:
    """Replace what lies at a path by a new file; without room for it, leave the old one there.

    Raises:
        OSError: Like :func:`replace_file`.
    """
    part = f"{path}.part"
    try:
        with replace_file(part) as file:
            if file.write(content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.replace(part, path)
    except OSError:
        try:
            os.unlink(part)
        except OSError:
            pass
        raise


def replace_file(path: str) -> FileIO:
    """Open a new file in place of what lies there: one of the runner's own in an agent's folder.

    Opening what the agent put there could block forever at a FIFO, or write into the stream to the
    host. The new file has no buffer, because closing it would try again to write what didn't fit.

    Raises:
        OSError: A folder lies there, or there is no room.
    """
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return open(os.open(path, flags, 0o644), "wb", buffering=0)

"""The runner's part in warm Python: it offers the shims' socket and hears what programs used."""

from __future__ import annotations

import sys

from ..shared.light_imports import socket

USAGE_SIZE = 24
"""Two floating-point numbers and an integer, of 8 bytes each: what ``keeper.c`` writes."""
BACKLOG = 64


class WarmPython:
    """The line to a zygote outside of the sandbox.

    Args:
        line: The descriptor of a socket. At first the launcher is at the other end, and later the
            zygote.
    """

    def __init__(self, line: int) -> None:
        self._line = socket.socket(fileno=line)
        self._reports = Reports()
        self._reports.begin(self._line)

    def offer(self, path: str) -> None:
        """Hand over the socket that shims will call.

        It listens at once. So a program that starts before a zygote has taken over waits, which is
        faster than importing the same libraries itself. If the socket can't be sent, Python stays
        cold: shims find nobody and start the interpreter.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen(BACKLOG)
        descriptor = listener.fileno().to_bytes(4, sys.byteorder)
        try:
            self._line.sendmsg([b"-"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptor)])
        except OSError:  # all processes of this user have too many in transit
            pass
        listener.close()

    def settle(self) -> None:
        """Be ready for a program of the agent's, which runs next."""

    def used(self) -> tuple[float, int]:
        """Seconds of processor time of the programs that ended, and their peak memory in KiB."""
        return self._reports.take()

    def descriptors(self) -> list[int]:
        """What the runner's loop has to wait for."""
        return self._reports.descriptors()

    def hear(self, descriptor: int) -> None:
        """Handle one of these, which is ready."""
        self._reports.hear()

    def rest(self) -> None:
        """Note that no command runs, and that this process has the limits of those that will."""

    def child_ended(self, pid: int) -> None:
        """Note that a child of the runner ended."""


class Reports:
    """What programs used, as their keepers report it.

    A keeper waits until its report fits into the line, and the program's shim waits for the keeper.
    So what arrives must be read while a command runs: the line holds a few hundred reports.
    """

    def __init__(self) -> None:
        self._line: socket.socket | None = None
        self._seconds, self._peak = 0.0, 0

    def begin(self, line: socket.socket) -> None:
        """Listen to a line."""
        line.setblocking(False)
        self._line = line

    def end(self) -> None:
        """Read what is left, and close the line. Idempotent."""
        if self._line:
            self.hear()
        if self._line:
            self._line.close()
            self._line = None

    def descriptors(self) -> list[int]:
        """The line, if there is one."""
        return [self._line.fileno()] if self._line else []

    def hear(self) -> bool:
        """Read all that has arrived; returns whether that is anything. Let go of a dead line."""
        found = False
        while self._line:
            try:
                report = self._line.recv(USAGE_SIZE)
            except BlockingIOError:
                break
            except OSError:
                report = b""
            if len(report) != USAGE_SIZE:
                self._line.close()
                self._line = None
                break
            user, system = memoryview(report)[:16].cast("d")  # `struct` would have to be imported
            (memory,) = memoryview(report)[16:].cast("Q")
            self._seconds, self._peak = self._seconds + user + system, max(self._peak, memory)
            found = True
        return found

    def take(self) -> tuple[float, int]:
        """Seconds of processor time and peak memory in KiB since the last call."""
        self.hear()
        used = self._seconds, self._peak
        self._seconds, self._peak = 0.0, 0
        return used

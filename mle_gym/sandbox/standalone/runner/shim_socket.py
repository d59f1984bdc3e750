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
        self._line.setblocking(False)

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
        return read_usage(self._line)

    def descriptors(self) -> list[int]:
        """What the runner's loop has to wait for."""
        return []

    def hear(self, descriptor: int) -> None:
        """Handle one of these, which is ready."""

    def rest(self) -> None:
        """Note that no command runs, and that this process has the limits of those that will."""

    def child_ended(self, pid: int) -> None:
        """Note that a child of the runner ended."""


def read_usage(line: socket.socket) -> tuple[float, int]:
    """Add up what was reported: seconds of processor time, and peak memory in KiB."""
    seconds, peak = 0.0, 0
    while True:
        report = read_report(line)
        if not report:
            return seconds, peak
        user, system = memoryview(report)[:16].cast("d")  # `struct` would have to be imported
        (memory,) = memoryview(report)[16:].cast("Q")
        seconds, peak = seconds + user + system, max(peak, memory)


def read_report(line: socket.socket) -> bytes:
    """One report, or nothing."""
    try:
        report = line.recv(USAGE_SIZE)
    except OSError:
        return b""
    return report if len(report) == USAGE_SIZE else b""

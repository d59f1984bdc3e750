"""What the runner does for warm Python: offer the shim, and hear what its programs used."""

from __future__ import annotations

import sys

from .lean import socket

USAGE = "=ddQ"
USAGE_SIZE = 24


class WarmPython:
    """The line to the zygote.

    Args:
        line: Descriptor of a socket: first the launcher is at its other end, then the zygote.
    """

    def __init__(self, line: int) -> None:
        self._line = socket.socket(fileno=line)
        self._line.setblocking(False)

    def offer(self, path: str) -> None:
        """Hand over the socket that shims will call.

        The socket does not listen: until a zygote does that, each call is refused at once and the
        shim runs the interpreter.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        descriptor = listener.fileno().to_bytes(4, sys.byteorder)
        self._line.sendmsg([b"-"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptor)])
        listener.close()

    def used(self) -> tuple[float, int]:
        """Seconds of processor time of the programs that ended, and their peak memory in KiB."""
        seconds, peak = 0.0, 0
        while True:
            try:
                report = self._line.recv(USAGE_SIZE)
            except OSError:
                report = b""
            if len(report) != USAGE_SIZE:
                return seconds, peak
            import struct  # not before anything used it

            user, system, memory = struct.unpack(USAGE, report)
            seconds, peak = seconds + user + system, max(peak, memory)

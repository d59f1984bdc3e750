"""What the runner does for warm Python: offer the shim, and hear what its programs used."""

from __future__ import annotations

import socket
import struct

USAGE = struct.Struct("=ddQ")


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
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            socket.send_fds(self._line, [b"-"], [listener.fileno()])

    def used(self) -> tuple[float, int]:
        """Seconds of processor time of the programs that ended, and their peak memory in KiB."""
        seconds, peak = 0.0, 0
        while True:
            try:
                report = self._line.recv(USAGE.size)
            except OSError:
                report = b""
            if len(report) != USAGE.size:
                return seconds, peak
            user, system, memory = USAGE.unpack(report)
            seconds, peak = seconds + user + system, max(peak, memory)

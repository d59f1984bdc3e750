"""The parent of a program: outside of the sandbox's process namespace, otherwise as confined."""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
from collections.abc import Callable

from .enter import PR_SET_PDEATHSIG, prctl
from .request import Request

USAGE = struct.Struct("=ddQ")
"""What the runner is told: seconds of user and system time, peak resident memory in KiB."""


def keep(connection: socket.socket, usage: int, request: Request, play: Callable[[], None]) -> None:
    """Agree with the shim to start, fork the program, and see it to its end.

    Args:
        connection: To the shim.
        usage: Where to report what the program used.
        request: Its descriptors are given up: who waits for them to be closed, waits for the
            program alone.
        play: Runs the program in the child; never returns.
    """
    connection.sendall(b"S")
    if connection.recv(1) != b"G":
        return
    connection.setblocking(False)
    pid = os.fork()
    if pid == 0:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        play()
    for descriptor in request.descriptors:
        os.close(descriptor)
    os.chdir("/")
    ended = os.pidfd_open(pid)
    _pass_signals_on(connection, pid, ended)
    _, status, used = os.wait4(pid, 0)
    os.write(usage, USAGE.pack(used.ru_utime, used.ru_stime, used.ru_maxrss))
    killed = os.WIFSIGNALED(status)
    code = os.WTERMSIG(status) if killed else os.WEXITSTATUS(status)
    connection.send(bytes([b"XK"[killed], code]))


def _pass_signals_on(connection: socket.socket, pid: int, ended: int) -> None:
    """Until the program ends. A shim that is gone takes its program with it."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    poll.register(ended, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if connection.fileno() in ready:
            numbers = _read(connection)
            if not numbers:
                os.kill(pid, signal.SIGKILL)
                return
            for number in numbers:
                _send(pid, number)
        if ended in ready:
            return


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(64)
    except OSError:
        return b""


def _send(pid: int, number: int) -> None:
    """An interrupt is meant for all that the program started, as from a terminal."""
    try:
        if number == signal.SIGINT:
            os.killpg(os.getpgid(0), number)
        else:
            os.kill(pid, number)
    except OSError:
        return

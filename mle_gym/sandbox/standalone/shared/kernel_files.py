"""Small files of the kernel's, read and written whole, and what they say about processes."""

from __future__ import annotations

import os


def lines(path: str) -> list[str]:
    """The lines of a file; empty if it can't be read."""
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []


def write(path: str, value: str) -> None:
    """Write into an existing file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)


def children(pid: int) -> list[str]:
    """Pids of a process's children."""
    return " ".join(lines(f"/proc/{pid}/task/{pid}/children")).split()


def is_stopped(pid: int) -> bool:
    """Whether a process no longer runs: it is stopped, or dead and not yet reaped."""
    return _state(pid) in ("T", "t", "Z", "X", "")


def is_halted(pid: int) -> bool:
    """Whether a process is stopped and may go on."""
    return _state(pid) in ("T", "t")


def _state(pid: int) -> str:
    """The kernel's letter for the state of a process; empty if there is none."""
    return "".join(lines(f"/proc/{pid}/stat")).rpartition(")")[2].strip()[:1]

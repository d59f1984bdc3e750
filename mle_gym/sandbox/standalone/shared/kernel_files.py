"""Small files of the kernel's, read and written whole, and what they say about processes."""

from __future__ import annotations

import os


def lines(path: str) -> list[str]:
    """A file's lines; none if it can't be read."""
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []


def write(path: str, value: str) -> None:
    """Write a file that is there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)


def children(pid: int) -> list[str]:
    """Pids of a process's children."""
    return " ".join(lines(f"/proc/{pid}/task/{pid}/children")).split()


def is_stopped(pid: int) -> bool:
    """Whether a process runs no longer: stopped, or dead and not yet reaped."""
    return _state(pid) in ("T", "t", "Z", "X", "")


def is_halted(pid: int) -> bool:
    """Whether a process is stopped and might go on."""
    return _state(pid) in ("T", "t")


def _state(pid: int) -> str:
    """The letter that the kernel has for what a process does; nothing for none."""
    return "".join(lines(f"/proc/{pid}/stat")).rpartition(")")[2].strip()[:1]

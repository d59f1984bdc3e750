"""A running command, and what the host and the agent are told when it ends."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..shared.runner_messages import Done
    from .command_output import Output

FIRST_LOOK = 0.05
"""Seconds until a command's memory is looked at."""


class Command:
    """A running shell and what is known about it."""

    def __init__(self, pid: int, ends: tuple[int, int], output: Output, timeout: float) -> None:
        self.pid, self.output, self.timeout = pid, output, timeout
        self.pipe: int | None = ends[0]
        self.write_end = ends[1]
        """Kept open while the shell runs. So the shell's end wakes the runner only once, as a
        child's death, and not before that as the end of a pipe."""
        self.started = time.monotonic()
        self.deadline = self.started + timeout
        self.older: frozenset[int] = frozenset()
        """Processes that earlier commands left running on purpose: a timeout spares them."""
        self.look_at = self.started + FIRST_LOOK
        """When to look at its memory again."""
        self.killed_by = ""
        """``timeout``, ``memory``, ``interrupt`` (the host's) or ``end`` (of the episode)."""
        self.kill_at: float | None = None
        self.answer = b""
        """The reply to the call that ended the command, which dies before it can print it."""

    def spare_nothing(self, why: str) -> None:
        """Decide that it ends for this reason, with all that earlier commands left running."""
        self.killed_by, self.older = why, frozenset()

    def exit_code(self, status: int) -> int:
        """The code for the host; 128 + signal as shells count."""
        codes = {"timeout": 124, "interrupt": 130, "end": 0}
        if self.killed_by in codes:
            return codes[self.killed_by]
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)

    def report(self, status: int, cpu_seconds: float, peak_bytes: int) -> Done:
        """How it ended and what was used meanwhile."""
        return {
            "op": "done",
            "exit_code": self.exit_code(status),
            "duration": time.monotonic() - self.started,
            "cpu_seconds": cpu_seconds,
            "peak_memory_mb": peak_bytes / 2**20,
            "timed_out": self.killed_by == "timeout",
            "killed_by": self.killed_by if self.killed_by in ("timeout", "memory") else "",
        }

    def why_it_ended(self, memory_mb: int) -> bytes:
        """What to tell the agent about a command that did not end by itself."""
        if self.killed_by == "timeout":
            return f"\n[killed: the command ran longer than {self.timeout:g} s]\n".encode()
        if self.killed_by == "memory":
            return f"\n[killed: the sandbox used more than {memory_mb} MB of memory]\n".encode()
        if self.killed_by == "interrupt":
            return b"\n[interrupted]\n"
        return self.answer

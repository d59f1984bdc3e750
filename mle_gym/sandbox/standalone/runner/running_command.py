"""A running command, and what the host and the agent are told when it ends."""

from __future__ import annotations

import os
import time

from ..shared.light_imports import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..shared.runner_messages import Done
    from .command_output import LiveOutput, Output
    from .interpreter import Interpreter

INTERRUPT_GRACE = 1.0
"""Seconds between SIGINT and SIGKILL after a timeout: enough for a traceback."""
CELL_GRACE = 3.0
"""The same for a cell. Its interpreter's variables are worth the wait for a library that looks for
interrupts now and then."""
FIRST_LOOK = 0.05
"""Seconds until a command's memory is looked at."""


class Command:
    """A running shell or cell, and what is known about it.

    Args:
        pid: The process whose death ends it.
        ends: Its output's pipe. The writing end is kept open while the command runs: so a shell's
            end wakes the runner only once, as a child's death, and not before that as the end of a
            pipe. A cell's pipe is its interpreter's.
        output: Collects what it writes.
        timeout: In seconds.
        interpreter: What runs a cell; None for a shell.
    """

    def __init__(
        self,
        pid: int,
        ends: tuple[int, int],
        output: Output,
        timeout: float,
        interpreter: Interpreter | None = None,
    ) -> None:
        self.pid, self.output, self.timeout = pid, output, timeout
        self.pipe: int | None = ends[0]
        self.write_end = ends[1]
        self.interpreter = interpreter
        self.started = time.monotonic()
        self.deadline = self.started + timeout
        self.older: frozenset[int] = frozenset()
        """Processes that earlier commands left running on purpose: a timeout spares them."""
        self.look_at = self.started + FIRST_LOOK
        """When to look at its memory again."""
        self.live: LiveOutput | None = None
        """Sends the host what it writes, if the host wants to see that."""
        self.killed_by = ""
        """``timeout``, ``memory``, ``interrupt`` (the host's) or ``end`` (of the episode)."""
        self.kill_at: float | None = None
        self.answer = b""
        """The reply to the call that ended the command, which dies before it can print it."""

    def spare_nothing(self, why: str) -> None:
        """Decide that it ends for this reason, with all that earlier commands left running."""
        self.killed_by, self.older = why, frozenset()

    def interrupt(self, why: str) -> None:
        """Ask it to end for this reason.

        Raises:
            OSError: It is ending already.
        """
        grace = CELL_GRACE if self.interpreter else INTERRUPT_GRACE
        self.killed_by, self.kill_at = why, time.monotonic() + grace
        if self.interpreter:
            self.interpreter.interrupt()
        else:
            os.killpg(self.pid, signal.SIGINT)

    def report(self, exit_code: int, cpu_seconds: float, peak_bytes: int) -> Done:
        """How it ended and what was used meanwhile.

        Args:
            exit_code: Its own. A limit that ended it has another one.
            cpu_seconds: Processor time.
            peak_bytes: The most memory.
        """
        codes = {"timeout": 124, "interrupt": 130, "end": 0}
        return {
            "op": "done",
            "exit_code": codes.get(self.killed_by, exit_code),
            "duration": time.monotonic() - self.started,
            "cpu_seconds": cpu_seconds,
            "peak_memory_mb": peak_bytes / 2**20,
            "timed_out": self.killed_by == "timeout",
            "killed_by": self.killed_by if self.killed_by in ("timeout", "memory") else "",
        }

    def why_it_ended(self, memory_mb: int) -> bytes:
        """What to tell the agent about a command that did not end by itself."""
        if self.killed_by == "timeout":
            how, what = ("interrupted", "cell") if self.interpreter else ("killed", "command")
            return f"\n[{how}: the {what} ran longer than {self.timeout:g} s]\n".encode()
        if self.killed_by == "memory":
            return f"\n[killed: the sandbox used more than {memory_mb} MB of memory]\n".encode()
        if self.killed_by == "interrupt":
            return b"\n[interrupted]\n"
        return self.answer


def exit_code_of(status: int) -> int:
    """The exit code of a process that was waited for; 128 + signal as shells count."""
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)

"""Runs the host's commands, one at a time: starts bash, collects the output, reports the end."""

from __future__ import annotations

import os
import time

from ..shared.light_imports import signal
from .command_output import Output
from .processes import descendants, has_children, kill_descendants, process_table
from .running_command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..shared.runner_messages import Configure, Done
    from .account import Account
    from .inside_commands import Calls
    from .shell import Shell

CHUNK = 1 << 16
INTERRUPT_GRACE = 1.0
"""Seconds between SIGINT and SIGKILL after a timeout: enough for a traceback."""
MAKING_ROOM = 3.0
"""Seconds that background processes may take to die when there is no process left for a command."""
LONGEST_DEATH = 1.0
"""Seconds that may pass until killed processes are gone."""
KEPT_OUTPUTS = 4
MOST_ORPHAN_PIPES = 200
"""An agent can have one held for each command that it ever ran."""


class Commands:
    """At most one command that runs, and what earlier ones left running.

    Args:
        options: The host's configuration.
        shell: Runs the commands.
        calls: Their calls to the host.
        account: Accounts for what they use.
        report: Tells the host how a command ended.
    """

    def __init__(
        self,
        options: Configure,
        shell: Shell,
        calls: Calls,
        account: Account,
        report: Callable[[Done, bytes], None],
    ) -> None:
        self._options, self._shell, self._calls = options, shell, calls
        self.account, self._report = account, report
        self._run = options["run"]
        self._count = 0
        self._orphan_pipes: list[int] = []
        """Pipes that background processes still hold; what they write is dropped."""
        self.current: Command | None = None
        self.ended = 0.0
        """When the last one ended."""
        self.may_have_left = False
        """Whether anything may run although no command does: nothing else can start more."""
        self.note = b""
        """What happened to background processes, for the next command's output."""

    def start(self, script: bytes, timeout: float) -> None:
        """Start a command; its end will be reported."""
        self._count += 1
        older = frozenset(descendants(process_table())) if has_children() else frozenset()
        self.account.start()
        try:
            pid, ends, note = self._start_shell(script)
        except OSError as error:
            message = f"the shell could not be started: {error.strerror}\n"
            self._report({"op": "done", "exit_code": 126}, message.encode())
            return
        path = f"{self._run}/output/{self._count}.txt"
        limits = self._options["output_bytes"], self._options["output_file_bytes"]
        self.current = Command(pid, ends, Output(*limits, path), timeout)
        if not note:
            self.current.older = older
        self.current.output.add(self.note + note)
        self.note = b""

    def _start_shell(self, script: bytes) -> tuple[int, tuple[int, int], bytes]:
        """Start bash; returns its pid, its output's pipe and what the agent should know of it."""
        ends = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(ends[0], False)
        try:
            pid, note = self._make_room_and_start(script, ends[1])
        except OSError:
            for end in ends:
                os.close(end)
            raise
        return pid, ends, note

    def _make_room_and_start(self, script: bytes, output: int) -> tuple[int, bytes]:
        """Start bash; returns its pid and what the agent should know of it.

        If background processes of earlier commands use up the limit of processes, no command can
        start that would end them, so they are ended here.
        """
        note, deadline = b"", time.monotonic() + MAKING_ROOM
        while True:
            try:
                return self._shell.start(script, output), note
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
            kill_descendants()
            self.reap()
            time.sleep(0.01)
            limit = self._options["processes"]
            note = f"[killed: what earlier commands left took all {limit} processes]\n".encode()

    def pipes(self) -> list[int]:
        """Descriptors from which output comes; what is ready is for :meth:`drain`."""
        pipe = self.current.pipe if self.current else None
        return [*self._orphan_pipes, *([] if pipe is None else [pipe])]

    def drain(self, descriptor: int) -> None:
        """Read what a pipe holds."""
        command = self.current
        current = command is not None and descriptor == command.pipe
        for _ in range(64):
            try:
                data = os.read(descriptor, CHUNK)
            except BlockingIOError:
                return
            if command and current:
                command.output.add(data)
            if not data:
                os.close(descriptor)
                if command and current:
                    command.pipe = None
                else:
                    self._orphan_pipes.remove(descriptor)
                return

    def reap(self) -> None:
        """Reap every dead child; as PID 1 that includes orphans."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.account.waited_for(pid, usage)
            if self.account.warm:
                self.account.warm.child_ended(pid)
            if self.current and pid == self.current.pid:
                self._finish(self.current, status)

    def interrupt(self, why: str) -> None:
        """Ask the command to end; it is killed if it does not."""
        command = self.current
        if command is None:
            return
        command.killed_by, command.kill_at = why, time.monotonic() + INTERRUPT_GRACE
        try:
            os.killpg(command.pid, signal.SIGINT)
        except OSError:
            self.kill()

    def kill(self) -> None:
        """Kill everything the command started, however it hid, and spare what is older."""
        if self.current:
            self.current.kill_at = time.monotonic() + INTERRUPT_GRACE
            kill_descendants(self.current.older)

    def end_all(self) -> None:
        """Kill everything that the agent started, in the background too, and wait for its end."""
        last = time.monotonic() + LONGEST_DEATH
        while descendants(process_table()) and time.monotonic() < last:
            kill_descendants()
            time.sleep(0.001)  # a write that is under way still ends
            self.reap()

    def _finish(self, command: Command, status: int) -> None:
        """The shell ended: collect output and state, tell the host."""
        if command.killed_by:
            self.kill()
        os.close(command.write_end)
        if command.pipe is not None:
            self.drain(command.pipe)
        if command.pipe is not None:
            self._keep_open(command.pipe)
        self.current, self.may_have_left, self.ended = None, True, time.monotonic()
        self._calls.next(command_runs=False)
        cold = self._calls.cold
        self._calls.forget()
        self._shell.take_over()
        output, left_out = command.output.finish()
        self._drop_old_output()
        answer = command.report(status, *self.account.end())
        answer["truncated_bytes"], answer["cold"] = left_out, cold
        self._report(answer, output + command.why_it_ended(self._options["memory_mb"]))
        if self.account.warm:
            self.account.warm.rest()

    def _keep_open(self, pipe: int) -> None:
        """Let background processes go on writing; beyond the limit, the oldest pipe is closed."""
        self._orphan_pipes.append(pipe)
        if len(self._orphan_pipes) > MOST_ORPHAN_PIPES:
            os.close(self._orphan_pipes.pop(0))

    def _drop_old_output(self) -> None:
        try:
            os.unlink(f"{self._run}/output/{self._count - KEPT_OUTPUTS}.txt")
        except OSError:
            return

"""Runs the host's commands, one at a time: starts bash, collects the output, reports the end."""

from __future__ import annotations

import os
import time

from ..shared.light_imports import signal
from .command_output import LiveOutput, Output
from .processes import descendants, has_children, kill_descendants, process_table
from .run_cells import Cells
from .running_command import INTERRUPT_GRACE, Command, exit_code_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..shared.runner_messages import Configure, Done
    from .account import Account
    from .inside_commands import Calls
    from .shell import Shell

CHUNK = 1 << 16
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
        sink: The stream to the host, for the output of commands that run.
    """

    def __init__(
        self,
        options: Configure,
        shell: Shell,
        calls: Calls,
        account: Account,
        report: Callable[[Done, bytes], None],
        sink: int,
    ) -> None:
        self._options, self._shell, self._calls = options, shell, calls
        self.account, self._report, self._sink = account, report, sink
        self._cells = Cells(shell, options["cells"], options["run"])
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

    def start(self, script: bytes, timeout: float, *, live: bool) -> None:
        """Start a command; its end will be reported, and if it is live, also what it writes."""
        older = self._begin()
        try:
            pid, ends, note = self._start_shell(script)
        except OSError as error:
            self._could_not_start("shell", error)
            return
        command = Command(pid, ends, self._output(), timeout)
        if not note:
            command.older = older
        self._go_on_with(command, note, live)

    def start_cell(self, source: bytes, timeout: float, *, restart: bool, live: bool) -> None:
        """Start a cell; its end will be reported, and if it is live, also what it writes."""
        note = self._cells.restart() if restart else b""
        if restart and not source:
            self._report({"op": "done"}, note)
            return
        older = self._begin()
        try:
            interpreter, lost = self._cells.send(source)
        except OSError as error:
            self._could_not_start("interpreter", error)
            return
        ends = interpreter.pipe, interpreter.write_end
        command = Command(interpreter.first, ends, self._output(), timeout, interpreter)
        command.older = older - interpreter.processes
        self._go_on_with(command, note + lost, live)

    def _begin(self) -> frozenset[int]:
        """Begin a command; returns what earlier ones have left running."""
        self._count += 1
        older = frozenset(descendants(process_table())) if has_children() else frozenset()
        self.account.start()
        return older

    def _could_not_start(self, what: str, error: OSError) -> None:
        message = f"the {what} could not be started: {error.strerror}\n"
        self._report({"op": "done", "exit_code": 126}, message.encode())

    def _output(self) -> Output:
        path = f"{self._run}/output/{self._count}.txt"
        return Output(self._options["output_bytes"], self._options["output_file_bytes"], path)

    def _go_on_with(self, command: Command, note: bytes, live: bool) -> None:
        self.current = command
        command.output.add(self.note + note)
        self.note = b""
        if live:
            command.live = LiveOutput(command.output, self._sink)

    def live_output(self) -> LiveOutput | None:
        """What sends the running command's output, if there is something to send now."""
        live = self.current.live if self.current else None
        return live if live and not self._calls.waits_for_host and live.has_more() else None

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
        pipe = self.current.pipe if self.current and not self.current.interpreter else None
        interpreter = self._cells.interpreter
        cells = [interpreter.pipe] if interpreter else []
        return [*self._orphan_pipes, *cells, *([] if pipe is None else [pipe])]

    def lines(self) -> list[int]:
        """Descriptors on which an interpreter answers; see :meth:`hear_interpreter`."""
        interpreter = self._cells.interpreter
        return [interpreter.line] if interpreter and not interpreter.hung_up else []

    def hear_interpreter(self) -> None:
        """Read what the interpreter says; its cell may be over."""
        command = self.current if self.current and self.current.interpreter else None
        exit_code = self._cells.hear(command is not None)
        if command is None:
            if not self.lines():
                self._cells.end()
            return
        if exit_code is None:
            if not self.lines() and command.kill_at is None:
                command.kill_at = time.monotonic() + INTERRUPT_GRACE
            return
        if command.killed_by:
            for pid in self._cells.started_by(command):
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    continue
        self._finish_cell(command, exit_code, b"")

    def drain(self, descriptor: int) -> None:
        """Read what a pipe holds, unless it was closed earlier in this turn."""
        if descriptor not in self.pipes():
            return
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
            if self._cells.interpreter and pid == self._cells.interpreter.first:
                self._interpreter_ended(status)
            elif self.current and pid == self.current.pid:
                self._finish(self.current, status)

    def interrupt(self, why: str) -> None:
        """Ask the command to end; it is killed if it does not."""
        command = self.current
        if command is None:
            return
        try:
            command.interrupt(why)
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
        self._shell.take_over()
        self._close(command, exit_code_of(status), b"")

    def _interpreter_ended(self, status: int) -> None:
        """The interpreter has died. If it was running a cell, that is over."""
        command = self.current
        if command is not None and command.interpreter:
            if command.killed_by:
                self.kill()
            why = self._cells.why_it_ended(command, status)
            self._finish_cell(command, exit_code_of(status) or 1, why)
        self._cells.forget()

    def _finish_cell(self, command: Command, exit_code: int, why: bytes) -> None:
        """A cell is over: collect what it has written."""
        if command.pipe is not None:
            self.drain(command.pipe)
        self._close(command, exit_code, why)

    def _close(self, command: Command, exit_code: int, why: bytes) -> None:
        """Tell the host how a command ended."""
        self.current, self.may_have_left, self.ended = None, True, time.monotonic()
        self._calls.next(command_runs=False)
        cold = self._calls.cold
        self._calls.forget()
        output, left_out = command.output.finish()
        self._drop_old_output()
        answer = command.report(exit_code, *self.account.end())
        answer["truncated_bytes"], answer["cold"] = left_out, cold
        self._report(answer, output + command.why_it_ended(self._options["memory_mb"]) + why)
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

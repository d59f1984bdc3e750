"""The event loop: one host, one command at a time, any number of background processes."""

from __future__ import annotations

import os
import resource
import select
import time

from ..shared.frames import receive_frame, send_frame
from ..shared.lean import signal
from .command_output import Output
from .file_actions import FileActions
from .inside_commands import Calls
from .processes import (
    descendants,
    exact_memory_in_use,
    has_children,
    has_own_users,
    kill_descendants,
    memory_in_use,
    process_table,
    socket_memory,
)
from .running_command import Command
from .shell import Shell
from .warm_line import WarmPython

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..shared.runner_messages import Configure, Done, Order
    from .file_actions import Answer
    from .last_snapshot import LastSnapshot

CHUNK = 1 << 16
INTERRUPT_GRACE = 1.0
"""Seconds between SIGINT and SIGKILL after a timeout: enough for a traceback."""
LONGEST_DEATH = 1.0
"""Seconds that may pass until killed processes are gone."""
EXPIRED_LOOKS = 0.2
"""Seconds between looks for processes once everything here has expired."""
LONGEST_SLEEP = 1e6
"""Seconds: what ``poll`` takes has 31 bits."""
WATCH_EVERY = 0.1
"""Seconds between looks at memory while a command runs."""
MAKING_ROOM = 3.0
"""Seconds that background processes may take to die when there is no process left for a command."""
KEPT_OUTPUTS = 4
MOST_ORPHAN_PIPES = 200
"""An agent can have one held for each command that it ever ran."""


class Runner:
    """Serves the host until it leaves."""

    def __init__(self, source: int, sink: int, line: int | None = None) -> None:
        self._source, self._sink = source, sink
        self._warm = WarmPython(line) if line is not None else None
        self._command: Command | None = None
        self._last_snapshot: LastSnapshot | None = None
        self._commands_run = 0
        self._background_processes = False
        """Whether anything may run although no command does: nothing else can start more."""
        self._look_at = 0.0
        """When to look at the background processes' memory again."""
        self._note = b""
        """What happened to background processes, for the next command's output."""
        self._expires: float | None = None
        """When everything that the agent started is ended, for good."""
        self._orphan_pipes: list[int] = []
        """Pipes that background processes still hold; what they write is dropped."""
        self._wakeup, wakeup_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Configure, then answer operations until the stream ends."""
        first = receive_frame(self._source)
        if first is None:
            return
        self._configure(first[0])
        while self._turn():
            pass

    def _configure(self, options: Configure) -> None:
        self._options = options
        run, workspace = options["run"], options["workspace"]
        environment = dict(options["environment"])
        environment["PATH"] = f"{run}/bin:{environment['PATH']}"
        self._memory_bytes = options["memory_mb"] << 20
        # Elsewhere what waits in sockets may be anybody's.
        self._counts_sockets = os.getpid() == 1 and options["own_network"]
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if has_own_users():
            # Elsewhere the limit would count every process of the user, other sandboxes' too.
            resource.setrlimit(resource.RLIMIT_NPROC, (options["processes"],) * 2)
        if options["affinity"]:
            os.sched_setaffinity(0, options["affinity"])
        self._shell = Shell(options["bash"], workspace, run, environment)
        files = FileActions(workspace, options["output_bytes"])
        self._operations: dict[str, Callable[[Any, bytes], Answer]] = {
            "write_file": files.write_file,
            "edit_file": files.edit_file,
            "read_file": files.read_file,
            "list_files": files.list_files,
            "fetch": files.fetch,
            "fetch_files": files.fetch_files,
        }
        if options["zygote"]:
            from .warm_zygote import OwnZygote

            self._warm = OwnZygote(options["zygote"])
        self._make_commands(run, options["python"], options["commands"])
        if self._warm:
            self._warm.offer(f"{run}/python")
        if options["open_files"]:  # not before: see SANDBOX_LIMITS in launcher/process_limits.py
            resource.setrlimit(resource.RLIMIT_NOFILE, options["open_files"])
        self._calls = Calls(f"{run}/control", options["commands"], options["most_handed_in"])
        self._done({"op": "done", "pid": os.getpid()})

    def _make_commands(self, run: str, python: str, offered: dict[str, str]) -> None:
        """Put the host's commands on the PATH and, where only ``python3`` exists, ``python``."""
        os.makedirs(f"{run}/bin", exist_ok=True)
        commands = dict(offered)
        if not self._warm and not os.path.exists(os.path.join(os.path.dirname(python), "python")):
            commands["python"] = f'"{python}"'
        for name, command in commands.items():
            path = f"{run}/bin/{name}"
            with open(path, "w") as file:
                file.write(f'#!/bin/sh\nexec {command} "$@"\n')
            os.chmod(path, 0o755)

    # -------------------------------------------------------------------------------- one turn

    def _turn(self) -> bool:
        """Wait for something, deal with it; False when the host is gone."""
        calls = self._calls.descriptors()
        poll = select.poll()
        pipe = self._command.pipe if self._command else None
        pipes = [*self._orphan_pipes, *([] if pipe is None else [pipe])]
        shims = self._warm.descriptors() if self._warm else []
        for descriptor in (self._source, self._wakeup, *calls, *pipes, *shims):
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(self._patience()):
            if descriptor == self._source:
                frame = receive_frame(self._source)
                if frame is None:
                    return False
                self._handle(*frame)
            elif descriptor == self._wakeup:
                os.read(self._wakeup, CHUNK)
            elif descriptor in calls:
                if self._calls.hear(descriptor):
                    send_frame(self._sink, {"op": "left"})
            elif self._warm and descriptor in shims:
                self._warm.hear(descriptor)
            else:
                self._drain(descriptor)
        self._reap()
        self._watch()
        self._keep_expired()
        self._ask_host()
        return True

    def _patience(self) -> float | None:
        """Milliseconds that the loop may sleep."""
        now, waits = time.monotonic(), []
        if self._command:
            waits += [WATCH_EVERY, (self._command.kill_at or self._command.deadline) - now]
        elif self._background_processes:
            waits.append(WATCH_EVERY)
        if self._expires is not None:
            waits.append(self._expires - now if now < self._expires else EXPIRED_LOOKS)
        return max(0.0, min(*waits, LONGEST_SLEEP)) * 1000 + 1 if waits else None

    def _handle(self, order: Order, payload: bytes) -> None:
        self._keep_expired()
        if order["op"] == "execute":
            self._start(payload, order["timeout"])
        elif order["op"] == "interrupt":
            if self._command:  # before its call ends, lest a shell goes on with its next line
                self._interrupt(self._command, "interrupt")
            self._calls.drop()
        elif order["op"] == "expire":
            wait = order["seconds"]
            self._expires = None if wait is None else time.monotonic() + wait
            self._keep_expired()
            self._done({"op": "done"})
        elif order["op"] == "reply":
            if order["end"] and self._command:
                self._command.killed_by, self._command.older = "end", frozenset()
                self._command.answer = payload
                self._kill_command()
            self._calls.pass_on(order["exit_code"], payload.decode("utf-8", "replace"))
        else:
            self._done(*self._operate(order, payload))

    def _operate(self, order: Order, payload: bytes) -> Answer:
        """What concerns files; none of it may bring the runner down."""
        try:
            if order["op"] not in self._operations:
                self._learn_snapshots(order["op"])
            return self._operations[order["op"]](order, payload)
        except (OSError, ValueError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or str(error) or "not enough memory"
            path = order.get("path", "")
            text = f"{path}: {reason}\n" if path else f"{reason}\n"
            return {"op": "done", "exit_code": 1}, text.encode("utf-8", "surrogateescape")

    def _learn_snapshots(self, operation: str) -> None:
        """Most sandboxes never take or restore one, and start sooner without these modules."""
        from .last_snapshot import LastSnapshot

        self._last_snapshot = self._last_snapshot or LastSnapshot()
        parts = self._options["workspace"], self._shell, self._last_snapshot
        if operation in ("restore", "unpack", "unpacked"):
            from .restore_snapshot import SnapshotRestorer

            back = SnapshotRestorer(*parts)
            self._operations["restore"] = back.restore
            self._operations["unpack"] = back.unpack
            self._operations["unpacked"] = back.unpacked
        else:
            from .take_snapshot import SnapshotTaker

            taker = SnapshotTaker(*parts)
            self._operations["scan"] = taker.scan
            self._operations["contents"] = taker.contents
            self._operations["resume"] = taker.resume

    def _done(self, answer: Done, content: bytes = b"") -> None:
        send_frame(self._sink, answer, content)

    def _ask_host(self) -> None:
        call = self._calls.next(command_runs=self._command is not None)
        if call:
            send_frame(self._sink, *call)

    # --------------------------------------------------------------------------------- commands

    def _start(self, script: bytes, timeout: float) -> None:
        self._commands_run += 1
        older = frozenset(descendants(process_table())) if has_children() else frozenset()
        if self._warm:
            self._warm.used()
        try:
            pid, ends, note = self._start_shell(script)
        except OSError as error:
            message = f"the shell could not be started: {error.strerror}\n"
            self._done({"op": "done", "exit_code": 126}, message.encode())
            return
        path = f"{self._options['run']}/output/{self._commands_run}.txt"
        limits = self._options["output_bytes"], self._options["output_file_bytes"]
        self._command = Command(pid, ends, Output(*limits, path), timeout)
        if not note:
            self._command.older = older
        self._command.output.add(self._note + note)
        self._note = b""

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

        Where background processes of earlier commands are as many as there may be, no command could
        ever end them: they are ended here.
        """
        note, deadline = b"", time.monotonic() + MAKING_ROOM
        while True:
            try:
                return self._shell.start(script, output), note
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
            kill_descendants()
            self._reap()
            time.sleep(0.01)
            limit = self._options["processes"]
            note = f"[killed: what earlier commands left took all {limit} processes]\n".encode()

    def _drain(self, descriptor: int) -> None:
        """Read what a pipe holds."""
        command = self._command
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

    def _reap(self) -> None:
        """Reap every dead child; as PID 1 that includes orphans."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._warm:
                self._warm.child_ended(pid)
            if self._command and pid == self._command.pid:
                self._finish(self._command, status, usage)

    def _watch(self) -> None:
        """Enforce time and memory on the running command, or memory on what others left."""
        command, now = self._command, time.monotonic()
        if not command:
            if self._background_processes and now >= self._look_at:
                self._watch_background_processes(now)
        elif command.kill_at is not None:
            if now >= command.kill_at:
                self._kill_command()
        elif now >= command.deadline:
            self._interrupt(command, "timeout")
        elif now >= command.look_at:
            # Not more often: an agent's signals, and every child's end, wake this process.
            command.look_at = now + WATCH_EVERY * 0.9
            self._watch_memory(command)

    def _interrupt(self, command: Command, why: str) -> None:
        """Ask a command to end; it is killed if it does not."""
        command.killed_by, command.kill_at = why, time.monotonic() + INTERRUPT_GRACE
        try:
            os.killpg(command.pid, signal.SIGINT)
        except OSError:
            self._kill_command()

    def _keep_expired(self) -> None:
        """Once the time is up nothing lives: no command, nothing in the background, no newcomer."""
        if self._expires is None or time.monotonic() < self._expires:
            return
        if self._command:
            self._command.killed_by, self._command.older = "timeout", frozenset()
        last = time.monotonic() + LONGEST_DEATH
        while descendants(process_table()) and time.monotonic() < last:
            kill_descendants()
            time.sleep(0.001)  # a write that is under way still ends
            self._reap()

    def _watch_memory(self, command: Command) -> None:
        used = self._memory_in_use()
        command.peak_memory = max(command.peak_memory, used)
        if used > self._memory_bytes:
            command.killed_by, command.older = "memory", frozenset()
            self._kill_command()

    def _watch_background_processes(self, now: float) -> None:
        """Between commands: who waits for the next one may wait for long."""
        self._look_at = now + WATCH_EVERY * 0.9
        self._background_processes = has_children()
        if self._background_processes and self._memory_in_use() > self._memory_bytes:
            kill_descendants()
            limit = self._options["memory_mb"]
            note = f"[killed: what earlier commands left used more than {limit} MB of memory]\n"
            self._note = note.encode()

    def _memory_in_use(self) -> int:
        """Bytes; those of shared pages are counted once where they would be too many."""
        waiting = socket_memory() if self._counts_sockets else 0
        used = memory_in_use() + waiting
        return used if used <= self._memory_bytes else exact_memory_in_use() + waiting

    def _kill_command(self) -> None:
        """Kill everything the command started, however it hid, and spare what is older."""
        if self._command:
            self._command.kill_at = time.monotonic() + INTERRUPT_GRACE
            kill_descendants(self._command.older)

    def _finish(self, command: Command, status: int, usage: resource.struct_rusage) -> None:
        """The shell ended: collect output and state, tell the host."""
        if command.killed_by:
            self._kill_command()
        os.close(command.write_end)
        if command.pipe is not None:
            self._drain(command.pipe)
        if command.pipe is not None:
            self._keep_open(command.pipe)
        self._command, self._background_processes = None, True
        self._look_at = time.monotonic() + WATCH_EVERY  # not on the command's time
        self._calls.next(command_runs=False)
        cold = self._calls.cold
        self._calls.forget()
        self._shell.take_over()
        seconds, peak = self._warm.used() if self._warm else (0.0, 0)
        output, left_out = command.output.finish()
        self._drop_old_output()
        answer = command.report(status, usage, seconds, peak)
        answer["truncated_bytes"], answer["cold"] = left_out, cold
        self._done(answer, output + command.why_it_ended(self._options["memory_mb"]))
        if self._warm:
            self._warm.rest()

    def _keep_open(self, pipe: int) -> None:
        """Background processes may go on writing; of many, the oldest can't any more."""
        self._orphan_pipes.append(pipe)
        if len(self._orphan_pipes) > MOST_ORPHAN_PIPES:
            os.close(self._orphan_pipes.pop(0))

    def _drop_old_output(self) -> None:
        run, old = self._options["run"], self._commands_run - KEPT_OUTPUTS
        try:
            os.unlink(f"{run}/output/{old}.txt")
        except OSError:
            return

"""The event loop: one host, one command at a time, any number of background processes."""

from __future__ import annotations

import os
import resource
import select

from ..shared.frames import receive_frame, send_frame
from ..shared.light_imports import signal
from .account import Account
from .file_actions import FileActions
from .inside_commands import Calls
from .meters import Meters, meters_of_own_groups
from .processes import has_own_users
from .run_commands import CHUNK, Commands
from .shell import Shell
from .shim_socket import WarmPython
from .watchdog import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..shared.runner_messages import Configure, Done, Order
    from .file_actions import Answer
    from .last_snapshot import LastSnapshot

LONGEST_SLEEP = 1e6
"""Seconds: what ``poll`` is given has 31 bits."""


class Runner:
    """Serves the host until it leaves."""

    def __init__(self, source: int, sink: int, line: int | None, meters: Meters) -> None:
        self._source, self._sink, self._meters = source, sink, meters
        self._warm = WarmPython(line) if line is not None else None
        self._last_snapshot: LastSnapshot | None = None
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
        _limit_processes(options)
        self._shell = Shell(options["bash"], workspace, run, environment)
        files = FileActions(workspace, options["output_bytes"])
        self._operations = files.operations()
        self._operations["names"] = self._shell.names
        if options["zygote"]:
            from .warm_zygote import OwnZygote

            self._warm = OwnZygote(options["zygote"])
        self._make_commands(run, options["python"], options["commands"])
        if self._warm:
            self._warm.offer(f"{run}/python")
        if options["open_files"]:  # not before: see SANDBOX_LIMITS in launcher/process_limits.py
            resource.setrlimit(resource.RLIMIT_NOFILE, options["open_files"])
        if self._warm:
            self._warm.rest()
        self._calls = Calls(f"{run}/control", options["commands"], options["most_handed_in"])
        meters = meters_of_own_groups() if options["own_groups"] else self._meters
        account = Account(meters, self._warm, options["memory_folders"])
        self._commands = Commands(
            options, self._shell, self._calls, account, self._done, self._sink
        )
        self._watchdog = Watchdog(options, self._commands)
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

    def _turn(self) -> bool:
        """Wait for something, deal with it; False when the host is gone."""
        calls = self._calls.descriptors()
        poll = select.poll()
        shims = self._warm.descriptors() if self._warm else []
        pipes, interpreter = self._commands.pipes(), self._commands.lines()
        for descriptor in (self._source, self._wakeup, *calls, *pipes, *interpreter, *shims):
            poll.register(descriptor, select.POLLIN)
        if self._commands.live_output():
            poll.register(self._sink, select.POLLOUT)
        for descriptor, _ in poll.poll(self._milliseconds()):
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
            elif descriptor in interpreter:
                self._commands.hear_interpreter()
            elif descriptor == self._sink:
                self._show_output()
            else:
                self._commands.drain(descriptor)
        # Children first: a command that has just ended did so by itself, not for its deadline.
        self._commands.reap()
        self._watchdog.look()
        self._watchdog.keep_expired()
        self._ask_host()
        return True

    def _show_output(self) -> None:
        """Send some output, unless its command has ended in this turn."""
        live = self._commands.live_output()
        if live:
            live.send()

    def _milliseconds(self) -> float | None:
        """How long the loop may sleep."""
        patience = self._watchdog.patience()
        return None if patience is None else max(0.0, min(patience, LONGEST_SLEEP)) * 1000 + 1

    def _handle(self, order: Order, payload: bytes) -> None:
        if self._warm:
            self._warm.settle()
        self._watchdog.keep_expired()
        if order["op"] == "execute":
            self._commands.start(payload, order["timeout"], live=order["live"])
        elif order["op"] == "cell":
            restart, live = order["restart"], order["live"]
            self._commands.start_cell(payload, order["timeout"], restart=restart, live=live)
        elif order["op"] == "interrupt":
            # Before its call ends, or else a shell would go on with its next line.
            self._commands.interrupt("interrupt")
            self._calls.drop()
        elif order["op"] == "expire":
            self._watchdog.expire(order["seconds"])
            self._done({"op": "done"})
        elif order["op"] == "restart":
            self._commands.end_all()
            self._shell.start_again()
            self._done({"op": "done"})
        elif order["op"] == "reply":
            command = self._commands.current
            if order["end"] and command:
                command.spare_nothing("end")
                command.answer = payload
                self._commands.kill()
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
        parts = self._options["workspace"], self._shell, self._last_snapshot
        if operation in ("restore", "unpack", "unpacked"):
            from .restore_snapshot import SnapshotRestorer

            back = SnapshotRestorer(*parts)
            self._last_snapshot = back.last
            self._operations["restore"] = back.restore
            self._operations["unpack"] = back.unpack
            self._operations["unpacked"] = back.unpacked
        else:
            from .take_snapshot import SnapshotTaker

            taker = SnapshotTaker(*parts)
            self._last_snapshot = taker.last
            self._operations["scan"] = taker.scan
            self._operations["contents"] = taker.contents
            self._operations["resume"] = taker.resume

    def _done(self, answer: Done, content: bytes = b"") -> None:
        send_frame(self._sink, answer, content)

    def _ask_host(self) -> None:
        call = self._calls.next(command_runs=self._commands.current is not None)
        if call:
            send_frame(self._sink, *call)


def _limit_processes(options: Configure) -> None:
    """Set what every process here inherits, this one included."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if has_own_users():
        # Elsewhere the limit would count every process of the user, other sandboxes' too.
        resource.setrlimit(resource.RLIMIT_NPROC, (options["processes"],) * 2)
    if options["affinity"]:
        os.sched_setaffinity(0, options["affinity"])

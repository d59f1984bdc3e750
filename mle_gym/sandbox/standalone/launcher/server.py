"""The launcher's event loop: one host, its sandboxes, and the zygotes that serve them."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import select
import signal
import socket
import sys
import time

from ..shared.group_folders import open_meters
from .control_groups import ControlGroups
from .kernel_count_limits import ARGUMENTS, can_bound
from .late_mounts import LateMounts
from .merged_folders import Trees, own_root
from .neutral_paths import NeutralPaths
from .process_limits import SANDBOX_LIMITS, raise_open_files
from .receive import receive
from .sandbox_process import Launch, SandboxProcess
from .warm_zygotes import Warm, Zygotes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..shared.launcher_messages import (
        Abilities,
        Answer,
        Argument,
        Overlay,
        Question,
        Seen,
        Start,
        Started,
    )

MESSAGE = 1 << 20
QUIET = 0.02
"""Seconds without a request after which there is time to clean up."""
FIRST_UID, LAST_UID = 700_000, 700_000 + 2**29
UIDS = 1024
"""How many users a launcher's sandboxes belong to, in turn."""


def first_uid() -> int:
    """The first of :data:`UIDS` users that are very unlikely to belong to another launcher.

    The kernel counts by user, across all launchers and containers. A container may have few users.
    """
    with open("/proc/self/uid_map") as file:
        known = max(int(first) + int(count) for first, _, count in map(str.split, file))
    blocks = max(1, (min(known, LAST_UID) - FIRST_UID) // UIDS)
    return FIRST_UID + int.from_bytes(os.urandom(8), "big") % blocks * UIDS


class Launcher:
    """Serves one host until its socket closes."""

    def __init__(self, control: socket.socket) -> None:
        control.set_inheritable(False)  # otherwise every sandbox could give orders here
        self._control = control
        self._sandboxes: dict[int, SandboxProcess] = {}
        self._poll = select.poll()
        self._groups = ControlGroups()
        self._is_root = os.getuid() == 0
        root = own_root()
        self._trees = Trees(root) if root else None
        self._late = LateMounts(root) if root else None
        self._idle: dict[int, float] = {}
        """Sandboxes that were started ahead, and when to end them."""
        self._neutral = NeutralPaths(root) if root and self._is_root else None
        self._zygotes = Zygotes(self._poll, self._trees)
        self._bounded = can_bound()
        self._started, self._first_uid = 0, first_uid()
        self._wakeup, wakeup_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # A Ctrl-C in the terminal is the host's to handle; it closes what it wants closed.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    def serve(self) -> None:
        """Answer requests until the host is gone, then end what it left."""
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(self._wakeup, select.POLLIN)
        groups_left = False
        try:
            while True:
                ready = self._poll.poll(self._milliseconds(groups_left))
                for descriptor, _ in ready:
                    if descriptor == self._wakeup:
                        os.read(self._wakeup, 1 << 16)
                    elif descriptor != self._control.fileno():
                        self._zygotes.hear(descriptor)
                    elif not self._answer():
                        return
                self._reap()
                self._end_idle()
                groups_left = self._groups.remove()
                if self._late:
                    self._late.remove(idle=not ready)
        finally:
            self._end()

    def _milliseconds(self, groups_left: bool) -> float | None:
        """How long the loop may sleep."""
        waits = [0.1] if groups_left else []
        if self._late and self._late.has_unused:
            waits.append(QUIET)
        if self._idle:
            waits.append(max(0.0, min(self._idle.values()) - time.monotonic()))
        return min(waits) * 1000 + 1 if waits else None

    def _end_idle(self) -> None:
        now = time.monotonic()
        for id in [id for id, end in self._idle.items() if end < now]:
            self._stop(id)

    def _answer(self) -> bool:
        message, descriptors = receive(self._control, MESSAGE)
        if not message:
            return False
        request = json.loads(message)
        answer: Answer
        try:
            answer = self._reply(request, descriptors)
        except OSError as error:
            answer = {"error": f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self._control.send(json.dumps({**answer, "serial": request["serial"]}).encode())
        return True

    def _reply(self, question: Question, descriptors: list[int]) -> Answer:
        if question["op"] == "status":
            return self._status()
        if question["op"] == "start":
            return self._start(question, descriptors[0])
        if question["op"] == "claim":
            self._claim(question["id"], question["sources"])
            return {}
        if question["op"] == "stop":
            self._stop(question["id"])
            return {}
        return self._examine(question["id"])

    def _status(self) -> Abilities:
        return {
            "controllers": self._groups.controllers,
            "root": self._is_root,
            "trees": self._trees is not None,
            "open_files": SANDBOX_LIMITS[resource.RLIMIT_NOFILE],
        }

    def _start(self, request: Start, stream: int) -> Started:
        """Start bubblewrap with the stream as its standard input and output."""
        plan, overlay, limits = request["plan"], request["overlay"], request["limits"]
        self._started += 1
        uid = self._first_uid + self._started % UIDS if self._is_root else os.getuid()
        if overlay and self._neutral:
            overlay["point"] = self._neutral.overlays
        warm = Warm(plan, int(limits["processes"])) if plan else None
        ours: list[int] = []
        places: list[str] = []
        try:
            command = self._command(request, ours, places)
            groups = self._groups.make(limits)
            meters = open_meters(groups)
            ours += [meter for meter in meters if meter is not None]
            line = warm.theirs.fileno() if warm else None
            command += ["", *("" if each is None else str(each) for each in (line, *meters))]
            inherited = ours if line is None else [*ours, line]
            sandbox = SandboxProcess(
                Launch(command, stream, inherited, groups, uid, overlay, self._bounded, places)
            )
        except OSError:
            self._discard_places(places)
            raise
        finally:
            for descriptor in ours:
                os.close(descriptor)
        self._sandboxes[sandbox.pid] = sandbox
        if "idle_seconds" in request:
            self._idle[sandbox.pid] = time.monotonic() + request["idle_seconds"]
        if warm:
            self._zygotes.expect(sandbox, warm)
        return {"id": sandbox.pid}

    def _command(self, request: Start, texts: list[int], places: list[str]) -> list[str]:
        """Resolve bubblewrap's arguments.

        Args:
            request: Has them.
            texts: Receives descriptors of content.
            places: Receives the folders in which others appear later.
        """
        command = []
        for argument in request["arguments"]:
            if isinstance(argument, dict) and "late" in argument:
                command.append(self._place(places))
            else:
                command.append(self._argument(argument, request["overlay"], texts))
        if self._bounded:
            place = command.index("--dev") + 2
            command[place:place] = ARGUMENTS
        return command

    def _place(self, places: list[str]) -> str:
        """Make the next place for a folder that appears later."""
        if self._late is None:
            raise OSError(errno.ENOTSUP, "folders can't appear later here")
        places.append(self._late.make())
        return places[-1]

    def _discard_places(self, places: list[str]) -> None:
        if self._late:
            self._late.discard(places)

    def _claim(self, id: int, sources: Sequence[str]) -> None:
        """Keep a sandbox that was started ahead, and show folders in it."""
        self._reap()
        sandbox = self._sandboxes.get(id)
        if sandbox is None or not sandbox.alive or self._idle.pop(id, None) is None:
            raise OSError(errno.ESRCH, "it is gone")
        for source, place in zip(sources, sandbox.places, strict=True):
            if self._late:
                self._late.show(source, place)

    def _argument(self, argument: Argument, overlay: Overlay | None, texts: list[int]) -> str:
        """Resolve an argument: a string, a path of the host, or content passed as a descriptor."""
        if isinstance(argument, str):
            return argument
        if "overlay" in argument and overlay:
            return f"{overlay['point']}/workspace"
        if "tree" in argument and self._trees:
            return self._trees(argument["tree"])
        if "source" in argument:
            source = argument["source"]
            return self._neutral(source) if self._neutral else source
        content = argument.get("text", "").encode() or bytes.fromhex(argument.get("bytes", ""))
        descriptor = os.memfd_create("content", 0)
        texts.append(descriptor)
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return str(descriptor)

    def _stop(self, id: int) -> None:
        """Kill a sandbox; what is left of it is removed when it is reaped."""
        sandbox = self._sandboxes.pop(id, None)
        self._idle.pop(id, None)
        if sandbox and sandbox.alive:
            sandbox.kill()
            self._free(sandbox)

    def _examine(self, id: int) -> Seen:
        """Report what can be seen of a sandbox from here."""
        self._reap()
        sandbox = self._sandboxes.get(id)
        return sandbox.examine() if sandbox else {}

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0] != 0:
                pid, status = found
                if pid in self._sandboxes:  # it ended by itself; the host may yet ask why
                    self._sandboxes[pid].has_ended(status)
                    self._free(self._sandboxes[pid])
                self._zygotes.child_ended(pid)

    def _free(self, sandbox: SandboxProcess) -> None:
        sandbox.free()
        self._groups.discard(sandbox.groups)
        self._discard_places(sandbox.places)
        self._zygotes.dismiss(sandbox)

    def _end(self) -> None:
        for id in list(self._sandboxes):
            self._stop(id)
        self._zygotes.end()
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)
        for _ in range(100):
            if not self._groups.remove():
                return
            select.select([], [], [], 0.02)


def main(arguments: list[str]) -> None:
    """Serve the host at the other end of a socket until it is gone.

    Args:
        arguments: The socket's descriptor.
    """
    raise_open_files()
    Launcher(socket.socket(fileno=int(arguments[0]))).serve()

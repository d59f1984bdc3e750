"""The host's end of the launcher: starts it, sends requests, and starts another if it is gone."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import cast, overload

from mle_gym.errors import SandboxCrashed
from mle_gym.sandbox.standalone.shared.launcher_messages import (
    Abilities,
    Answer,
    Claim,
    Claimed,
    Examine,
    Failed,
    Question,
    Seen,
    Start,
    Started,
    Status,
    Stop,
    Stopped,
)
from mle_gym.sandbox.standalone.start_commands import launcher_command
from mle_gym.sandbox.stream import SocketStream
from mle_gym.sandbox.verdict import Evidence

__all__ = ["LaunchedSandbox", "LauncherClient", "current_launcher"]

_ANSWER_SECONDS = 60.0
"""A launcher that takes longer to answer is given up, together with its sandboxes."""
_LEAVE_SECONDS = 10.0
_END_SECONDS = 20.0
"""How long bubblewrap may take to follow its first process."""


class LauncherClient:
    """A launcher, and the requests to it. Thread-safe."""

    def __init__(self) -> None:
        """Start the process."""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._serial = 0
        self._given_up = False
        with theirs:
            self._process = subprocess.Popen(
                [*launcher_command(sys.executable), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
                env={key: os.environ[key] for key in ("MLE_GYM_CGROUP",) if key in os.environ},
                start_new_session=True,
            )
        self._socket.settimeout(_ANSWER_SECONDS)
        status = self.call({"op": "status"})
        if "error" in status:
            raise SandboxCrashed(f"the sandbox launcher failed: {status['error']}")
        self.controllers: tuple[str, ...] = tuple(status["controllers"])
        """The control groups' controllers that enforce limits here."""
        self.trees = status["trees"]
        """Whether it can put folders together, for sandboxes and for zygotes."""
        soft, hard = status["open_files"]
        self.open_files: tuple[int, int] = soft, hard
        """Limits of the open files of each program in a sandbox."""

    @property
    def pid(self) -> int:
        """The launcher's process."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether it belongs to this process, is alive and answers."""
        mine = self._owner == os.getpid() and not self._given_up
        return mine and self._process.poll() is None

    @overload
    def call(self, question: Status) -> Abilities | Failed: ...
    @overload
    def call(self, question: Start, stream: int) -> Started | Failed: ...
    @overload
    def call(self, question: Claim) -> Claimed | Failed: ...
    @overload
    def call(self, question: Stop) -> Stopped | Failed: ...
    @overload
    def call(self, question: Examine) -> Seen | Failed: ...

    def call(self, question: Question, stream: int | None = None) -> Answer:
        """Send one request and wait for its answer.

        Args:
            question: What to do or to report.
            stream: The descriptor that comes with :class:`Start`.

        Raises:
            OSError: The launcher is gone.
            ValueError: It sent nonsense.
        """
        descriptors = () if stream is None else (stream,)
        with self._lock:
            self._serial += 1
            request = json.dumps({**question, "serial": self._serial}).encode()
            try:
                with _most_open_files():
                    socket.send_fds(self._socket, [request], descriptors)
                while True:
                    reply = self._socket.recv(1 << 20)
                    if not reply:
                        raise ConnectionResetError("the sandbox launcher ended")
                    answer = json.loads(reply)
                    if answer.pop("serial", None) == self._serial:
                        return cast(Answer, answer)
                    # The answer to a call that a Ctrl-C interrupted: nobody waits for it any more.
            except TimeoutError:
                self._given_up = True
                raise

    def start(self, request: Start) -> LaunchedSandbox:
        """Start bubblewrap with one end of a stream as its standard input and output.

        Args:
            request: What to start.

        Raises:
            SandboxCrashed: It could not be started.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                answer = self.call(request, theirs.fileno())
            except (OSError, ValueError) as error:
                ours.close()
                raise SandboxCrashed(f"the sandbox launcher failed: {error}") from None
            except BaseException:
                # If the sandbox starts anyway, its runner finds nobody and leaves.
                ours.close()
                raise
        if "error" in answer:
            ours.close()
            raise SandboxCrashed(f"bubblewrap could not be started: {answer['error']}")
        return LaunchedSandbox(self, answer["id"], ours)

    def close(self) -> None:
        """Hang up, which ends the launcher and all of its sandboxes."""
        self._socket.close()
        if self._owner != os.getpid():
            return
        try:
            self._process.wait(0 if self._given_up else _LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class LaunchedSandbox:
    """A sandbox that the launcher started."""

    def __init__(self, launcher: LauncherClient, id: int, connection: socket.socket) -> None:
        """Take over the connection to the runner."""
        self._launcher, self._id = launcher, id
        self.stream = SocketStream(connection, self._stop)

    def claim(self, sources: Sequence[str]) -> bool:
        """Take it for an episode if it was started ahead; False if it can't be used any more.

        Args:
            sources: The folders that appear in it now.
        """
        try:
            answer = self._launcher.call({"op": "claim", "id": self._id, "sources": sources})
        except (OSError, ValueError):
            return False
        return "error" not in answer

    def close(self) -> None:
        """End it."""
        self.stream.close()

    def evidence(self, ended: bool) -> Evidence:
        """Report what the launcher sees of it.

        Args:
            ended: Whether its stream has ended. Then bubblewrap ends soon, and the way in which it
                does is evidence.
        """
        last = time.monotonic() + _END_SECONDS
        with contextlib.suppress(OSError, ValueError, TypeError):
            while True:
                seen = self._launcher.call({"op": "examine", "id": self._id})
                if "error" in seen:
                    break
                running = seen.get("running", False)
                if not (running and ended) or time.monotonic() > last:
                    return _evidence(seen)
                time.sleep(0.005)
        return Evidence("its launcher is gone", supervised=False)

    def _stop(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._launcher.call({"op": "stop", "id": self._id})


def _evidence(seen: Seen) -> Evidence:
    return Evidence(
        note=seen.get("note", ""),
        killed=seen.get("killed", False),
        stopped=seen.get("stopped", False),
        own_memory=seen.get("own_memory", False),
        host_memory=seen.get("host_memory", False),
    )


@contextlib.contextmanager
def _most_open_files() -> Iterator[None]:
    """Raise this process's soft limit for a moment.

    Sandboxes of the same user must not be able to keep this process from sending a descriptor: see
    ``SANDBOX_LIMITS`` in ``launcher/process_limits.py``.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


_lock = threading.Lock()
_current: LauncherClient | None = None


def current_launcher() -> LauncherClient:
    """This process's launcher, started on first use and again after a fork or a crash."""
    global _current
    with _lock:
        if _current is None or not _current.usable:
            if _current is not None:
                _current.close()
            _current = LauncherClient()
        return _current


def _forget() -> None:
    """Let go of the launcher after a fork, because it belongs to the parent."""
    global _current, _lock
    _lock = threading.Lock()
    if _current is not None:
        _current.close()
        _current = None


def _close() -> None:
    if _current is not None:
        _current.close()


os.register_at_fork(after_in_child=_forget)
atexit.register(_close)

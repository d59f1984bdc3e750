"""The host's side of the runner's protocol: a :class:`Sandbox` over any byte stream."""

from __future__ import annotations

import contextlib
import posixpath
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, Self

from mle_gym.errors import SubmissionError
from mle_gym.sandbox.exchange import Exchange
from mle_gym.sandbox.protocol import Execution, Files, OnOutput, Reply, Request
from mle_gym.sandbox.runner_setup import RunnerSetup
from mle_gym.sandbox.sandbox_config import MOST_HANDED_IN, SandboxConfig
from mle_gym.sandbox.snapshots.store import Lease, current_store
from mle_gym.sandbox.snapshots.transfer import restore_workspace, take_workspace
from mle_gym.sandbox.standalone.shared import runner_messages as messages
from mle_gym.sandbox.standalone.shared.packed_files import unpack_files
from mle_gym.sandbox.stream import Stream
from mle_gym.sandbox.verdict import Evidence

__all__ = ["RunnerSandbox"]

_START_SECONDS = 60.0
_FILE_SECONDS = 60.0
_GRACE_SECONDS = 15.0
"""How long after a command's timeout the runner may clean up before it counts as silent."""


class RunnerSandbox:
    """A sandbox with a runner inside. Everything received is hostile and therefore checked."""

    def __init__(
        self,
        backend: str,
        stream: Stream,
        config: SandboxConfig,
        setup: RunnerSetup,
        evidence: Callable[[bool], Evidence] = lambda ended: Evidence(),
    ) -> None:
        """Configure the runner at the other end of ``stream``.

        Args:
            backend: Name of the backend, for messages.
            stream: Connected to the runner; closed with the sandbox.
            config: Limits to enforce.
            setup: What the backend has set up around the runner.
            evidence: Reports what the backend sees of the sandbox from outside. Its argument tells
                whether the stream has ended, so that the sandbox has ended too or soon will.

        Raises:
            SandboxCrashed: The runner did not start.
        """
        self.backend = backend
        self.workspace = setup.workspace
        self._exchange = Exchange(backend, stream, evidence, config.commands)
        self._cold: Literal["", "off", "unavailable"] = ""
        """Why Python is never warm here, if it isn't."""
        if not setup.warm:
            self._cold = "unavailable" if config.warm else "off"
        self._patience = 0.0
        """How many seconds the host will still wait for the running command."""
        self._mounts = [mount.target for mount in config.mounts]
        self._disk_bytes = config.limits.disk_mb << 20
        self._base: Lease | None = None
        """The last snapshot: the next one is compared with it."""
        self._origin: Lease | None = None
        """The snapshot that may be mounted."""
        done, _ = self._call(setup.order(config), seconds=_START_SECONDS)
        self.runner_pid = done["pid"]
        """The runner's own pid, as it sees it inside."""

    def execute(self, command: str | bytes, *, timeout: float) -> Execution:
        """Run a shell script; see :meth:`Sandbox.execute`."""
        event = self.begin(command, timeout=timeout)
        while isinstance(event, Request):
            event = self.answer(Reply(1, f"{event.tool} is not available here\n"))
        return event

    def begin(
        self, command: str | bytes, *, timeout: float, on_output: OnOutput | None = None
    ) -> Execution | Request:
        """Start a shell script; see :meth:`Sandbox.begin`."""
        script = command.encode("utf-8", "surrogateescape") if isinstance(command, str) else command
        self._make_ready(timeout, on_output)
        order = messages.Execute(op="execute", timeout=timeout, live=on_output is not None)
        return self._go_on(order, script)

    def begin_cell(
        self,
        source: str,
        *,
        timeout: float,
        restart: bool = False,
        on_output: OnOutput | None = None,
    ) -> Execution | Request:
        """Start a cell of Python; see :meth:`Sandbox.begin_cell`."""
        self._make_ready(timeout, on_output)
        live = on_output is not None
        order = messages.Cell(op="cell", timeout=timeout, live=live, restart=restart)
        return self._go_on(order, source.encode("utf-8", "replace"))

    def _make_ready(self, timeout: float, on_output: OnOutput | None) -> None:
        """Get ready for a command."""
        self.cancel()
        self._patience = timeout + _GRACE_SECONDS
        self._exchange.on_output = on_output

    def answer(self, reply: Reply) -> Execution | Request:
        """Answer its call; see :meth:`Sandbox.answer`."""
        order = messages.Reply(op="reply", exit_code=reply.exit_code, end=reply.end_command)
        return self._go_on(order, reply.output.encode("utf-8", "replace"))

    def _go_on(self, order: messages.Order, payload: bytes) -> Execution | Request:
        """Wait for a command's next call or its end. The host's own work is not on its time."""
        started = time.monotonic()
        said, content = self._exchange.ask(order, payload, seconds=self._patience)
        self._patience = max(_GRACE_SECONDS, self._patience - (time.monotonic() - started))
        if said["op"] == "request":
            folder = self._unpacked(content) if said["folder"] else None
            return Request(said["tool"], said["path"], b"" if said["folder"] else content, folder)
        execution = _execution(said, content)
        return replace(execution, cold=self._cold) if self._cold else execution

    def watch(self, on_end: Callable[[], None]) -> contextlib.AbstractContextManager[None]:
        """Notice that nobody waits for an answer any more; see :meth:`Sandbox.watch`."""
        return self._exchange.watch(on_end)

    def cancel(self) -> None:
        """End a command whose call will not be answered; see :meth:`Sandbox.cancel`."""
        while self._exchange.running and not self._exchange.closed:
            self._exchange.interrupt()
            self._exchange.listen(seconds=_GRACE_SECONDS)

    def interrupt(self) -> None:
        """End the running command; see :meth:`Sandbox.interrupt`."""
        self._exchange.interrupt()

    def expire(self, seconds: float | None) -> None:
        """End everything inside in a while; see :meth:`Sandbox.expire`."""
        self._call(messages.Expire(op="expire", seconds=seconds))

    def restart(self) -> Execution:
        """End every process; see :meth:`Sandbox.restart`."""
        return self._action(messages.Restart(op="restart"))

    def write_file(self, path: str, content: bytes) -> Execution:
        """Write a file; see :meth:`Sandbox.write_file`."""
        return self._action(messages.WriteFile(op="write_file", path=path), content)

    def edit_file(self, path: str, old: bytes, new: bytes) -> Execution:
        """Replace text in a file; see :meth:`Sandbox.edit_file`."""
        return self._action(messages.EditFile(op="edit_file", path=path, split=len(old)), old + new)

    def insert_text(self, path: str, line: int, text: bytes) -> Execution:
        """Insert lines into a file; see :meth:`Sandbox.insert_text`."""
        return self._action(messages.InsertText(op="insert_text", path=path, line=line), text)

    def view(self, path: str, *, start: int = 1, lines: int | None = None) -> Execution:
        """Read a file with line numbers; see :meth:`Sandbox.view`."""
        return self._action(messages.View(op="view", path=path, start=start, lines=lines))

    def read_file(self, path: str, *, start: int = 1, lines: int | None = None) -> Execution:
        """Read a text file; see :meth:`Sandbox.read_file`."""
        return self._action(messages.ReadFile(op="read_file", path=path, start=start, lines=lines))

    def list_files(self, path: str = ".") -> Execution:
        """List a folder; see :meth:`Sandbox.list_files`."""
        return self._action(messages.ListFiles(op="list_files", path=path))

    def names(self, folder: str | None) -> list[str]:
        """List names; see :meth:`Sandbox.names`."""
        _, content = self._call(messages.Names(op="names", path=folder))
        return [name.decode("utf-8", "replace") for name in content.split(b"\0") if name]

    def fetch(self, path: str, *, max_bytes: int) -> bytes:
        """Take a regular file out; see :meth:`Sandbox.fetch`."""
        order = messages.Fetch(op="fetch", path=path, max_bytes=min(max_bytes, MOST_HANDED_IN))
        done, content = self._call(order)
        if done["exit_code"] != 0:
            raise SubmissionError("unreadable", _sentence(content))
        if len(content) > max_bytes:
            raise self._exchange.end("it sent more than was asked for")
        return content

    def fetch_files(self, path: str, *, max_bytes: int) -> Files:
        """Take a file or a folder out; see :meth:`Sandbox.fetch_files`."""
        most = min(max_bytes, MOST_HANDED_IN)
        order = messages.FetchFiles(op="fetch_files", path=path, max_bytes=most)
        done, content = self._call(order)
        if done["exit_code"] != 0:
            raise SubmissionError("unreadable", _sentence(content))
        return self._unpacked(content) if done["folder"] else {posixpath.basename(path): content}

    def snapshot(self) -> str:
        """Keep files and shell; see :meth:`Sandbox.snapshot`."""
        store, base = current_store(), self._base
        if base is not None and base.store is not store:
            base = None
        self._base = take_workspace(
            self._call, store, base, skip=self._mounts, most_bytes=self._disk_bytes
        )
        if base is not self._origin and base is not None:
            base.release()
        return self._base.name

    def restore(self, lease: Lease) -> None:
        """Continue from a snapshot; see :meth:`Sandbox.restore`."""
        self._base = self._origin = lease.store.lease(lease.name)
        restore_workspace(self._call, lease)

    def close(self) -> None:
        """End every process inside; idempotent."""
        self._exchange.close()
        self._release()

    def discard(self) -> None:
        """End it without waiting; see :meth:`Sandbox.discard`."""
        self._exchange.discard()
        self._release()

    def _release(self) -> None:
        for lease in (self._base, self._origin):
            if lease is not None:
                lease.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _action(self, order: messages.Order, content: bytes = b"") -> Execution:
        started = time.monotonic()
        done, output = self._call(order, content)
        done["duration"] = done["duration"] or time.monotonic() - started
        return _execution(done, output)

    def _call(
        self, order: messages.Order, payload: bytes = b"", *, seconds: float = _FILE_SECONDS
    ) -> tuple[messages.Done, bytes]:
        """Give an order and return its answer."""
        self.cancel()
        said, content = self._exchange.ask(order, payload, seconds=seconds)
        if said["op"] == "request":
            raise self._exchange.end(f"it sent an unknown frame {str(said)[:200]}")
        return said, content

    def _unpacked(self, content: bytes) -> Files:
        """Unpack a folder that was handed over."""
        try:
            return unpack_files(content)
        except ValueError as error:
            raise self._exchange.end(f"it sent a broken folder: {error}") from None


def _sentence(content: bytes) -> str:
    """Turn a reason, which the runner sends as a line, into a part of another text."""
    return content[:1000].decode("utf-8", "replace").strip()


def _execution(done: messages.Done, output: bytes) -> Execution:
    """Convert what the exchange has checked."""
    killed_by: Any = done["killed_by"]
    cold: Any = done["cold"]
    return Execution(
        exit_code=done["exit_code"],
        output=output,
        duration=done["duration"],
        cpu_seconds=done["cpu_seconds"],
        peak_memory_mb=done["peak_memory_mb"],
        timed_out=done["timed_out"],
        truncated_bytes=done["truncated_bytes"],
        killed_by=killed_by,
        cold=cold,
    )

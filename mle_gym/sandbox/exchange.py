"""The host's conversation with a runner: it sends a frame, and gets one back.

A frame is two big-endian 32-bit lengths, then a JSON header and a payload of these lengths.
"""

from __future__ import annotations

import contextlib
import copy
import json
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

from mle_gym.errors import SandboxCrashed
from mle_gym.sandbox.interrupts import held_back
from mle_gym.sandbox.protocol import OnOutput, Printed
from mle_gym.sandbox.standalone.shared.runner_messages import Call, Done, Interrupt, Order
from mle_gym.sandbox.stream import Stream
from mle_gym.sandbox.verdict import Evidence, host_is_busy, judge

__all__ = ["Exchange", "Heard"]

Heard = tuple[Done | Call, bytes]
"""What a runner says while the host waits, with its payload."""

_HEADER = struct.Struct(">II")
_MAX_HEADER = 1 << 20
_MAX_PAYLOAD = 1 << 28
_SAID = ("done", "request", "left", "printed")
"""Everything that a runner may say."""
_PREPARING = ("configure", "restore", "unpack", "unpacked", "expire")
"""Operations that come before anything that an agent asks for."""
_INTERRUPT_SECONDS = 5.0
_BUSY_SECONDS = 240.0
"""How much longer an answer may take on a busy host."""
_WATCH_SECONDS = 0.05
_LOOK_SECONDS = 5.0
"""How often a busy host is looked at again while an answer is late."""
_TAKEN_AT_ONCE = 1 << 15
"""Bytes that a stream has room for once its last frame was answered, so that sending doesn't
wait."""


class Exchange:
    """Keeps host and runner in step. Everything received is hostile and therefore checked.

    One thread at a time asks. Any thread may :meth:`interrupt`, :meth:`close` or :meth:`discard`;
    then the thread that waits for an answer soon gets it, or an error.

    Args:
        backend: Name of the backend, for messages.
        stream: Connected to the runner.
        evidence: What the backend sees of the sandbox from outside.
        commands: Names of the commands inside whose calls are passed on.
    """

    def __init__(
        self,
        backend: str,
        stream: Stream,
        evidence: Callable[[bool], Evidence],
        commands: Collection[str],
    ) -> None:
        self.closed = False
        self.running = False
        """Whether a command has begun and its end has not arrived yet."""
        self.on_output: OnOutput | None = None
        """Is shown what the running command writes; None if the runner wasn't asked to send it."""
        self._backend, self._stream, self._evidence = backend, stream, evidence
        self._commands = frozenset(commands)
        self._used = False
        """Whether anything that an agent asked for has run. Until then, nothing is the agent's
        doing."""
        self._verdict: SandboxCrashed | None = None
        """Why the sandbox ended, unless the caller ended it."""
        self._buffer = bytearray()
        self._sending = threading.Lock()
        self._interrupted = False

    def ask(self, order: Order, payload: bytes = b"", *, seconds: float) -> Heard:
        """Send a frame and return the next one.

        Raises:
            SandboxCrashed: The sandbox is closed, is gone, or sent nonsense.
        """
        self._interrupted = False
        self.running = self.running or order["op"] in ("execute", "cell")
        self._used = self._used or order["op"] not in _PREPARING
        deadline = time.monotonic() + seconds
        return self._turn(lambda: self._send(order, payload, deadline), order["op"], seconds)

    def listen(self, *, seconds: float) -> Heard:
        """Return the next frame without sending one; raises like :meth:`ask`."""
        return self._turn(lambda: None, "interrupt", seconds)

    @contextlib.contextmanager
    def watch(self, on_end: Callable[[], None]) -> Iterator[None]:
        """Call a function in another thread if the runner says anything during the block.

        Then the caller that the block answers has left or was ended, or the sandbox has ended. The
        function is called again and again until the block ends.
        """
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(on_end, over), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _watch(self, on_end: Callable[[], None], over: threading.Event) -> None:
        """Receive in the place of everybody else, and keep what comes for them."""
        while not (over.is_set() or self._buffer):
            try:
                said = self._stream.receive(time.monotonic() + _WATCH_SECONDS)
                self._buffer += said
                if not said:
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        while not over.wait(_WATCH_SECONDS):
            on_end()

    def interrupt(self) -> None:
        """End the running command, if there is one: the next frame will report its end.

        Signal handlers and other threads call this, so it never waits. If a frame is being sent,
        its sender sends this one next.
        """
        self._interrupted = True
        if self._sending.acquire(blocking=False):
            try:
                deadline = time.monotonic() + _INTERRUPT_SECONDS
                with contextlib.suppress(OSError):  # the waiting thread will find out
                    self._stream.send(_packed(Interrupt(op="interrupt"), b""), deadline)
            finally:
                self._sending.release()

    def close(self) -> None:
        """End the sandbox. Idempotent."""
        self.closed = True
        self._stream.close()

    def discard(self) -> None:
        """Like :meth:`close`, but return at once and clean up in the background."""
        self.closed = True
        self._stream.discard()

    def end(self, reason: str, *, silent: bool = False, ended: bool = False) -> SandboxCrashed:
        """End a broken sandbox and return the error to raise, which says whose doing it was.

        Later calls raise the same error, because the first caller may not be the one that grades.
        """
        if self.closed:
            return self._over("the sandbox was closed meanwhile")
        evidence = self._evidence(ended)
        self.close()
        note = f" ({evidence.note})" if evidence.note else ""
        what = f"the {self._backend} sandbox died: {reason}{note}"
        self._verdict = judge(what, evidence, silent=silent, used=self._used)
        return self._over(what)

    def _over(self, message: str) -> SandboxCrashed:
        """Why nothing can be asked: the verdict, or that some thread of the host ended it."""
        if self._verdict is None:
            return SandboxCrashed(message, kind="interrupted")
        return copy.copy(self._verdict)  # each raised error has a traceback of its own

    def _turn(self, send: Callable[[], None], operation: str, seconds: float) -> Heard:
        if self.closed:
            raise self._over("the sandbox is closed")
        started = time.monotonic()
        with held_back(self.interrupt):
            try:
                send()
                heard = self._receive(started + seconds)
                self.running = self.running and heard[0]["op"] != "done"
                return heard
            except SandboxCrashed:
                raise
            except TimeoutError:
                waited = time.monotonic() - started
                reason = f"no answer to {operation!r} within {waited:.0f} s"
                raise self.end(reason, silent=True) from None
            except OSError as error:
                raise self.end(f"{operation!r} failed: {error}", ended=True) from None
            except BaseException:
                # Interrupted in the middle of a frame: the stream is out of step for good.
                self.close()
                raise

    def _send(self, order: Order, payload: bytes, deadline: float) -> None:
        frame = _packed(order, payload)
        # A frame that was sent in part can't be sent again, so the deadline is chosen beforehand.
        if len(frame) > _TAKEN_AT_ONCE and host_is_busy():
            deadline += _BUSY_SECONDS
        with self._sending:
            self._stream.send(frame, deadline)
        if self._interrupted:
            self.interrupt()

    def _receive(self, deadline: float) -> Heard:
        """The next answer or call. A frame that says that a caller left is for :meth:`watch`."""
        header, payload = self._frame(deadline)
        if header["op"] == "left":
            header, payload = self._frame(deadline)
        while header["op"] == "printed":
            deadline += self._show(Printed(payload, header.get("newest") is True), deadline)
            header, payload = self._frame(deadline)
        said = _said(header, self._commands)
        if said is None:
            raise self.end(f"it sent an unknown frame {str(header)[:200]}")
        return said, payload

    def _show(self, printed: Printed, deadline: float) -> float:
        """Show output; returns how long that took, in seconds.

        Raises:
            TimeoutError: The runner goes on to send output instead of an answer.
        """
        if self.on_output is None or not self.running:
            raise self.end("it sent output that nobody asked for")
        started = time.monotonic()
        if started > deadline + _BUSY_SECONDS or (started > deadline and not host_is_busy()):
            raise TimeoutError
        self.on_output(printed)
        return time.monotonic() - started

    def _frame(self, deadline: float) -> tuple[dict[str, Any], bytes]:
        header_size, payload_size = _HEADER.unpack(self._exactly(_HEADER.size, deadline))
        if header_size > _MAX_HEADER or payload_size > _MAX_PAYLOAD:
            raise self.end("it sent a frame that is too large")
        try:
            header = json.loads(self._exactly(header_size, deadline))
        except (ValueError, RecursionError):
            raise self.end("it sent a frame that is not JSON") from None
        if not isinstance(header, dict) or header.get("op") not in _SAID:
            raise self.end(f"it sent an unknown frame {str(header)[:200]}")
        return header, self._exactly(payload_size, deadline)

    def _exactly(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size:
            data = self._some(deadline)
            if not data:
                raise self.end("it ended unexpectedly", ended=True)
            self._buffer += data
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _some(self, deadline: float) -> bytes:
        """The next bytes. On a busy host they may be late, which is no reason to give up."""
        last = deadline + _BUSY_SECONDS
        while True:
            try:
                return self._stream.receive(deadline)
            except TimeoutError:
                now = time.monotonic()
                if now >= last or not host_is_busy() or self._evidence(False).hopeless:
                    raise
                deadline = min(last, now + _LOOK_SECONDS)


def _packed(order: Order, payload: bytes) -> bytes:
    text = json.dumps(order).encode()
    return _HEADER.pack(len(text), len(payload)) + text + payload


def _said(header: dict[str, Any], commands: frozenset[str]) -> Done | Call | None:
    """Check a frame's header, of which nothing is trusted; None for nonsense."""
    if header["op"] == "done":
        return _done(header)
    tool, path = header.get("tool"), header.get("path")
    if header["op"] != "request" or not (isinstance(tool, str) and isinstance(path, str)):
        return None
    if tool not in commands:
        return None
    return Call(op="request", tool=tool, path=path, folder=bool(header.get("folder")))


def _done(header: dict[str, Any]) -> Done:
    """Check an answer: anything that is not a valid value of a field becomes its default."""
    killed_by, cold = header.get("killed_by"), header.get("cold")
    return Done(
        op="done",
        exit_code=int(_number(header, "exit_code", 255)),
        duration=_number(header, "duration"),
        cpu_seconds=_number(header, "cpu_seconds"),
        peak_memory_mb=_number(header, "peak_memory_mb"),
        timed_out=header.get("timed_out") is True,
        truncated_bytes=int(_number(header, "truncated_bytes", 1 << 62)),
        killed_by=killed_by if killed_by in ("timeout", "memory") else "",
        cold=cold if cold in ("late", "refused", "unavailable") else "",
        folder=bool(header.get("folder")),
        present=header.get("present") is True,
        pid=int(_number(header, "pid", 1 << 31)),
    )


def _number(header: dict[str, Any], key: str, ceiling: float = 1e9) -> float:
    value = header.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return 0.0
    return float(min(value, ceiling))

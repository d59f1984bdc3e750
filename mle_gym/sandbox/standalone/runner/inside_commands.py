"""The socket on which the commands that the host offers inside reach the runner."""

from __future__ import annotations

import os
import sys

from ..shared.light_imports import accept, dumps, loads, signal, socket
from .file_actions import take

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..shared.runner_messages import Call

_MAX_CALL = 1 << 16
_MAX_CALLERS = 64
_LONGEST_REASON = 20


class _Caller:
    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.heard = connection, bytearray()


class Calls:
    """Listens for calls, queues them, and passes on one at a time.

    Args:
        path: Of the socket.
        commands: Names of the commands that the host answers.
        most_bytes: The size of what one call may hand over.
    """

    def __init__(self, path: str, commands: Iterable[str], most_bytes: int) -> None:
        self._commands, self._most_bytes = tuple(commands), most_bytes
        if os.path.exists(path):
            os.unlink(path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(_MAX_CALLERS)
        self._listener.setblocking(False)
        self._callers: dict[int, _Caller] = {}
        self._waiting: list[int] = []
        self._asked: int | None = None
        self._left = False
        """Whether the caller that the host is answering has left."""
        self.cold = ""
        """Why a program of the running command was told to start cold, if one was."""

    @property
    def waits_for_host(self) -> bool:
        """Whether the host is answering a call."""
        return self._asked is not None

    def descriptors(self) -> list[int]:
        """What to wait for: new callers, unfinished calls, the end of the one being answered."""
        heard = (*self._waiting, *((self._asked,) if self._left else ()))
        silent = [d for d in self._callers if d not in heard]
        return [self._listener.fileno(), *silent]

    def hear(self, descriptor: int) -> bool:
        """Handle a ready descriptor; returns whether the caller who is being answered left."""
        if descriptor == self._listener.fileno():
            self._accept()
            return False
        caller = self._callers.get(descriptor)
        if caller is None:  # it was answered earlier in this turn
            return False
        try:
            data = caller.connection.recv(_MAX_CALL)
        except BlockingIOError:  # a new caller with the number of one that was answered
            return False
        except OSError:
            data = b""
        if descriptor == self._asked:  # its call is complete: anything more is ignored
            self._left = not data
            return self._left
        caller.heard += data
        if not data or len(caller.heard) > _MAX_CALL:
            self._dismiss(descriptor)
        elif caller.heard.endswith(b"\n"):
            self._waiting.append(descriptor)
        return False

    def next(self, *, command_runs: bool) -> tuple[Call, bytes] | None:
        """The next call for the host, with its payload, unless the host is answering one."""
        while self._waiting and self._asked is None:
            descriptor = self._waiting.pop(0)
            try:
                call = loads(bytes(self._callers[descriptor].heard))
                tool, path = call["tool"], call["path"]
            except (ValueError, KeyError, TypeError, RecursionError):
                tool, path = "", ""
            if tool == "cold" and isinstance(path, str):
                self.cold = path[:_LONGEST_REASON]
                self._dismiss(descriptor)
            elif tool not in self._commands or not isinstance(path, str) or "\0" in path:
                self._answer(descriptor, 2, "not a call\n")
            elif not command_runs:
                self._answer(descriptor, 1, f"{tool}: only works while a command runs\n")
            else:
                folder, reason, content = take(path, self._most_bytes)
                if not reason:
                    self._asked, self._left = descriptor, False
                    return {"op": "request", "tool": tool, "path": path, "folder": folder}, content
                self._answer(descriptor, 1, f"{tool}: {path}: {reason}\n")
        return None

    def pass_on(self, exit_code: int, text: str) -> None:
        """Send the host's reply to the caller for whom it was asked."""
        descriptor, self._asked = self._asked, None
        if descriptor in self._callers:
            self._answer(descriptor, exit_code, text)

    def drop(self) -> None:
        """Dismiss the caller whom the host will not answer."""
        descriptor, self._asked = self._asked, None
        if descriptor in self._callers:
            self._dismiss(descriptor)

    def forget(self) -> None:
        """Dismiss all waiting callers, because the command has ended."""
        self.cold = ""
        self._waiting.clear()
        for descriptor in list(self._callers):
            if descriptor != self._asked:
                self._dismiss(descriptor)

    def _accept(self) -> None:
        try:
            connection = accept(self._listener)
        except OSError:
            return
        if len(self._callers) >= _MAX_CALLERS:
            connection.close()
            return
        connection.setblocking(False)
        self._callers[connection.fileno()] = _Caller(connection)

    def _answer(self, descriptor: int, exit_code: int, text: str) -> None:
        connection = self._callers[descriptor].connection
        try:
            connection.settimeout(1)
            connection.sendall(dumps({"exit_code": exit_code, "output": text}).encode())
        except OSError:
            pass
        self._dismiss(descriptor)

    def _dismiss(self, descriptor: int) -> None:
        self._callers.pop(descriptor).connection.close()


def call(
    tool: str, socket_path: str, default_path: str, variable: str, arguments: list[str]
) -> int:
    """Hand over what lies at a path, print the host's answer and return its exit code.

    Args:
        tool: The command's name.
        socket_path: Where the runner listens.
        default_path: What to hand over when the command has no argument.
        variable: Names another default in the environments that have it.
        arguments: The command's.
    """
    default = os.environ.get(variable) or default_path
    if len(arguments) > 1 or (arguments and arguments[0] in ("-h", "--help")):
        print(f"usage: {tool} [PATH]    (default: {default})", file=sys.stderr)
        return 2
    path = os.path.abspath(arguments[0] if arguments else default)
    # Die at once when interrupted: the shell notices and doesn't go on with its next line.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(socket_path)
    connection.sendall(dumps({"tool": tool, "path": path}).encode() + b"\n")
    parts = []
    while part := connection.recv(_MAX_CALL):
        parts.append(part)
    connection.close()
    if not parts:
        return 1
    answer = loads(b"".join(parts))
    print(answer["output"], end="", flush=True)
    return int(answer["exit_code"])

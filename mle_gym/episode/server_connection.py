"""The connection to a server that plays an episode (``mle-gym serve``)."""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from mle_gym.episode.actions.fields import MAX_TEXT_BYTES
from mle_gym.episode.actions.parse import canonical_call
from mle_gym.episode.arguments import SERVED
from mle_gym.errors import (
    ActionError,
    DatasetError,
    SandboxCrashed,
    SandboxUnavailable,
    TaskError,
)

if TYPE_CHECKING:
    from mle_gym.episode.settings import Settings

__all__ = ["CARRIED", "INTERRUPT", "MOST_BYTES", "TOKEN", "ServerConnection", "connect_and_reset"]

TOKEN: Final = "MLE_GYM_TOKEN"
"""Holds the server's token: in a spec, which is shared, it would not stay secret."""

INTERRUPT: Final = '{"type": "interrupt"}'
"""A message that ends the running command. It has no reply of its own."""

MOST_BYTES: Final = 64 * 2**20
"""Of a message. A text of an action has at most 10 MiB, and six times that with escapes."""

CARRIED: Final = (
    TaskError,
    DatasetError,
    SandboxUnavailable,
    SandboxCrashed,
    ValueError,
    TypeError,
)
"""What a reset may raise on the server and here. The messages begin with these names."""

PATIENCE = 60.0
"""Seconds for which a reset tries to reach a server that is starting again or full."""

_LOCAL = {"localhost", "127.0.0.1", "::1"}


class ServerConnection:
    """One connection, on which one episode is played.

    Args:
        url: The server's address, ``http://127.0.0.1:8765``.

    Raises:
        OSError: Nobody answers there.
        WebSocketException: Somebody else does, or the token is wrong.
    """

    def __init__(self, url: str) -> None:
        token = os.environ.get(TOKEN)
        self._waiting = False
        self._unread: dict[str, Any] | None = None
        """The reply that ended the episode while Ctrl-C ended the call that waited for it."""
        dialled = connect(
            f"ws{url.removeprefix('http')}/ws",
            additional_headers={"Authorization": f"Bearer {token}"} if token else None,
            proxy=None if urlsplit(url).hostname in _LOCAL else True,
            compression=None,
            max_size=MOST_BYTES,
            open_timeout=20,
            close_timeout=2,
            ping_interval=20,
            ping_timeout=60,
        )
        self._exit = contextlib.ExitStack()
        self._socket: ClientConnection = self._exit.enter_context(dialled)

    def reset(self, **values: Any) -> dict[str, Any]:
        """Begin the episode.

        Raises:
            ConnectionError: The connection broke, or the server is full.
            TaskError: And others of :data:`CARRIED`, as the server raised them.
        """
        reply = self._ask({"type": "reset", "data": values})
        if reply.get("type") == "error":
            _raise(reply["data"])
        return _data(reply)

    def step(self, action: Any) -> dict[str, Any]:
        """Take an action.

        Raises:
            SandboxCrashed: The connection broke, or the server failed.
        """
        return self._played({"action": action})

    def finish(self) -> dict[str, Any]:
        """End the episode; raises what :meth:`step` raises."""
        return self._played({"finish": True})

    def interrupt(self) -> None:
        """End the running command."""
        with contextlib.suppress(ConnectionClosed):
            if self._waiting:
                self._socket.send(INTERRUPT)

    def close(self) -> None:
        """Close the connection; whoever waits for a reply gets an error."""
        self._exit.close()

    def _played(self, data: dict[str, Any]) -> dict[str, Any]:
        if self._unread is not None:
            return self._unread
        try:
            reply = self._ask({"type": "step", "data": data})
        except ConnectionError as error:
            message = f"the connection to the server was lost: {error}"
            raise SandboxCrashed(message, kind="server_unavailable") from error
        if reply.get("type") == "error":
            message = f"the server failed: {reply['data'].get('message')}"
            raise SandboxCrashed(message, kind="host_error")
        return _data(reply)

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message and wait for its reply.

        Raises:
            ConnectionError: The connection broke.
        """
        try:
            self._waiting = True
            self._socket.send(_encoded(message))
            return self._reply()
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from None
        except KeyboardInterrupt:
            self._call_off()
            raise
        finally:
            self._waiting = False

    def _reply(self) -> dict[str, Any]:
        text = self._socket.recv()
        with contextlib.suppress(ValueError, RecursionError):
            reply = json.loads(text)
            if isinstance(reply, dict) and isinstance(reply.get("data"), dict):
                return reply
        raise ConnectionError(f"expected a message of OpenEnv's, found {text[:80]!r}")

    def _call_off(self) -> None:
        """End the command that Ctrl-C interrupts, so that the next reply is the next action's."""
        with contextlib.suppress(ConnectionClosed, ConnectionError):
            self.interrupt()
            reply = self._reply()
            if reply["data"].get("done") is True:
                self._unread = _data(reply)


def connect_and_reset(
    task: str, settings: Settings, variant: int
) -> tuple[ServerConnection, dict[str, Any]]:
    """Connect and begin an episode, with patience for a server that is starting again or full.

    Raises:
        SandboxUnavailable: It can't be reached, is full, or refuses the token.
        TaskError: And others of :data:`CARRIED`, as the server raised them.
    """
    values = {name: getattr(settings, name) for name in SERVED} | {"variant": variant}
    deadline, pause = time.monotonic() + PATIENCE, 0.05
    while True:
        try:
            return _begin(settings.remote, task, values)
        except CARRIED:
            raise
        except InvalidStatus as error:
            if error.response.status_code in (401, 403):
                raise SandboxUnavailable(
                    f"{settings.remote} refuses the token: set {TOKEN} to the server's"
                ) from None
            problem: Exception = error
        except (OSError, WebSocketException) as error:
            problem = error
        if time.monotonic() > deadline:
            raise SandboxUnavailable(
                f"no episode can be played on {settings.remote}: {problem}",
                kind="server_unavailable",
            ) from problem
        time.sleep(random.uniform(pause / 2, pause))
        pause = min(1.0, 1.5 * pause)


def _begin(url: str, task: str, values: dict[str, Any]) -> tuple[ServerConnection, dict[str, Any]]:
    connection = ServerConnection(url)
    try:
        return connection, connection.reset(task=task, **values)
    except BaseException:
        connection.close()
        raise


def _data(reply: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = reply["data"]
    return data


def _raise(problem: dict[str, Any]) -> NoReturn:
    """Raise what a reset raised on the server."""
    message = str(problem.get("message"))
    if problem.get("code") == "CAPACITY_REACHED":
        raise ConnectionError(message)
    name, _, text = message.partition(": ")
    for kind in CARRIED:
        if kind.__name__ == name:
            raise kind(text)
    raise SandboxCrashed(f"the server failed: {message}", kind="host_error")


def _encoded(message: dict[str, Any]) -> str:
    """A message as JSON. An action that is too long, or isn't JSON, stays one that is malformed."""
    try:
        text = json.dumps(message)
    except (TypeError, ValueError, RecursionError):
        text = json.dumps(message | {"data": {"action": _as_json(message["data"]["action"])}})
    if len(text) > MOST_BYTES:
        text = json.dumps(_shortened(message))
    return text if len(text) <= MOST_BYTES else json.dumps(message | {"data": {"action": []}})


def _as_json(action: Any) -> Any:
    """A call of a tool with values such as NumPy's, in plain JSON."""
    try:
        tool, values = canonical_call(action)
    except (ActionError, TypeError, ValueError, RecursionError):
        return []
    return {"tool": tool, **values}


def _shortened(value: Any) -> Any:
    """With texts that are still too long for an action, so that the server says so."""
    if isinstance(value, str):
        return value[: MAX_TEXT_BYTES + 1]
    if isinstance(value, dict):
        return {name: _shortened(each) for name, each in value.items()}
    return [_shortened(each) for each in value] if isinstance(value, list) else value

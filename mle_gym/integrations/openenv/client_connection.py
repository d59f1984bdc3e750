"""A connection to a client, read ahead, so that it is known at once that the client is gone.

OpenEnv's server reads a message when it has answered the one before. While a command runs for an
hour it would not notice that the client is gone, and its sandbox would live on for nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextvars import ContextVar
from typing import Any

from mle_gym.episode.server_connection import INTERRUPT

__all__ = ["CONNECTION", "ClientConnection", "Message", "Receive", "Send"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CONNECTION: ContextVar[ClientConnection | None] = ContextVar("CONNECTION", default=None)
"""The connection for which the running task works."""

_UNANSWERED = 2
"""The most messages that may wait: an action, and the wish to leave."""


class ClientConnection:
    """Stands between the network and an application that speaks ASGI.

    Args:
        receive: Where messages come from.
        send: Where they go.
        idle: Seconds after which a client that sends nothing, while nothing runs for it, must go.
    """

    def __init__(self, receive: Receive, send: Send, idle: float) -> None:
        self._receive, self._send, self._idle = receive, send, idle
        self._waiting: asyncio.Queue[Message] = asyncio.Queue()
        self._gone = False
        self._why: tuple[int, str] | None = None
        self._leave: Callable[[], None] | None = None
        self._interrupt: Callable[[], None] | None = None
        self.lost = ""
        """Why the session ended, if the client didn't end it: ``idle``, ``cut`` or ``flood``."""

    async def serve(self, application: Callable[[Receive, Send], Awaitable[None]]) -> None:
        """Run an application on this connection until it is done with it."""
        token = CONNECTION.set(self)
        reader = asyncio.create_task(self._read_ahead())
        try:
            await application(self.receive, self.send)
        finally:
            CONNECTION.reset(token)
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader

    @contextlib.contextmanager
    def busy(self, leave: Callable[[], None], interrupt: Callable[[], None]) -> Iterator[None]:
        """While something runs for the client: what ends it, if the client is gone or asks to."""
        self._leave, self._interrupt = leave, interrupt
        try:
            if self._gone:
                leave()
            yield
        finally:
            self._leave = self._interrupt = None

    async def receive(self) -> Message:
        """The next message, or a disconnection if there is none for too long."""
        try:
            return await asyncio.wait_for(self._waiting.get(), self._idle)
        except TimeoutError:
            self.lost = "idle"
            return self._end(1001, f"nothing was sent for {self._idle:g} s")

    async def send(self, message: Message) -> None:
        """Send a message, unless nobody is there."""
        if self._gone:
            return
        if message["type"] == "websocket.close" and self._why:
            message = {**message, "code": self._why[0], "reason": self._why[1]}
        await self._send(message)

    async def _read_ahead(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._gone = True
                await self._cut(message.get("code"))
            elif message.get("text") == INTERRUPT:
                await self._call(self._interrupt)
                continue
            elif self._waiting.qsize() >= _UNANSWERED:
                self.lost = "flood"
                message = self._end(1008, "send the next message after the reply to the last")
                await self._call(self._leave)
            self._waiting.put_nowait(message)
            if message["type"] == "websocket.disconnect":
                return

    async def _cut(self, code: int | None) -> None:
        """End what runs for a client that is gone."""
        if self._leave is not None or code not in (1000, 1001, 1005):
            self.lost = self.lost or "cut"
        await self._call(self._leave)

    def _end(self, code: int, reason: str) -> Message:
        self._why = code, reason
        return {"type": "websocket.disconnect", "code": code, "reason": reason}

    @staticmethod
    async def _call(function: Callable[[], None] | None) -> None:
        if function is not None:
            await asyncio.to_thread(function)

"""The server: OpenEnv's application, behind a guard that knows tokens, limits and broken lines."""

from __future__ import annotations

import functools
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import uvicorn
from fastapi import Response
from openenv.core.env_server.http_server import create_app
from openenv.core.env_server.types import ConcurrencyConfig, ServerMode

from mle_gym.episode.server_connection import MOST_BYTES
from mle_gym.integrations.openenv.client_connection import (
    ClientConnection,
    Message,
    Receive,
    Send,
)
from mle_gym.integrations.openenv.episode_service import EpisodeService
from mle_gym.integrations.openenv.served_environment import ServedEnvironment
from mle_gym.integrations.openenv.wire_types import MLEAction, MLEObservation, MLEState

__all__ = ["make_app", "serve", "server_options"]

Application = Callable[[Message, Receive, Send], Awaitable[None]]

_OPEN = ("/health",)
"""What requires no token, for whoever watches whether the server lives."""


def make_app(service: EpisodeService, *, token: str | None = None) -> Application:
    """The application, for any server that speaks ASGI.

    Args:
        service: What it offers.
        token: What clients must send as ``Authorization: Bearer …``. Without one, everybody who can
            connect may play, except programs of web pages.
    """
    app = create_app(
        functools.partial(ServedEnvironment, service),
        MLEAction,
        MLEObservation,
        env_name="mle-gym",
        concurrency_config=ConcurrencyConfig(max_concurrent_envs=service.sessions),
        state_cls=MLEState,
        # The other mode has requests that begin an episode and discard it before the next request.
        mode=ServerMode.PRODUCTION,
    )

    @app.get("/metrics", tags=["Health"])  # type: ignore[untyped-decorator, unused-ignore]
    def metrics() -> Response:
        """Counters in Prometheus' text format."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    return Guard(app, service, token)


def serve(
    service: EpisodeService, *, host: str = "127.0.0.1", port: int = 8765, token: str | None = None
) -> None:
    """Serve until Ctrl-C or SIGTERM, which end the episodes.

    Raises:
        ValueError: Other machines can connect, and there is no token.
    """
    if host not in ("127.0.0.1", "::1", "localhost") and not token:
        raise ValueError(
            f"everybody who reaches {host} could run programs here: set MLE_GYM_TOKEN to a secret "
            "that clients also set"
        )
    try:
        uvicorn.run(make_app(service, token=token), host=host, port=port, **server_options())
    finally:
        service.close()


def server_options() -> dict[str, Any]:
    """What uvicorn must know, besides where it listens."""
    return {
        "log_level": "warning",
        "ws_max_size": MOST_BYTES,
        "ws_per_message_deflate": False,
        "ws_ping_interval": 20,
        "ws_ping_timeout": 60,
        "timeout_graceful_shutdown": 5,
    }


class Refusal(NamedTuple):
    """Why a request isn't served."""

    status: int
    """Of the answer over HTTP."""
    message: str
    label: str
    """In the metrics."""


class Guard:
    """Refuses who has no token, and gives each client a :class:`ClientConnection`."""

    def __init__(self, app: Application, service: EpisodeService, token: str | None) -> None:
        self._app, self._service = app, service
        self._token = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request, a connection, or the application's own start and end."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif refusal := self._refusal(scope):
            self._service.metrics.refused.labels(refusal.label).inc()
            await _refuse(scope, receive, send, refusal)
        elif scope["type"] == "http":
            await self._app(scope, receive, send)
        else:
            await self._play(scope, receive, send)

    async def _play(self, scope: Message, receive: Receive, send: Send) -> None:
        metrics = self._service.metrics
        connection = ClientConnection(receive, send, self._service.idle)
        with metrics.sessions.track_inprogress():
            await connection.serve(functools.partial(self._app, scope))
        if connection.lost:
            metrics.lost.labels(connection.lost).inc()

    def _refusal(self, scope: Message) -> Refusal | None:
        """Why a request is refused; None if it isn't."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if scope["path"] in _OPEN:
            return None
        if self._token is None:
            if b"origin" in headers:
                return Refusal(403, "a web page may not play here: set MLE_GYM_TOKEN", "origin")
        elif not hmac.compare_digest(headers.get(b"authorization", b""), self._token):
            return Refusal(401, "send the server's token as Authorization: Bearer …", "token")
        if scope["path"] == "/mcp" or (scope["type"] == "websocket" and scope["path"] != "/ws"):
            return Refusal(404, "episodes are played over the WebSocket /ws", "path")
        return None


async def _refuse(scope: Message, receive: Receive, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await receive()
        # Servers answer 403 to a connection that is closed before it was accepted.
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.message})
        return
    headers: list[Any] = [(b"content-type", b"application/json")]
    body = json.dumps({"detail": refusal.message}).encode()
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""A real server on this machine, and clients of it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from tests.sandbox.docker_daemon import require

WOMEN = """awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; print "PassengerId,survived" }
NR > 1 { print $c["PassengerId"] "," (/,female,/ ? 1 : 0) }' data/test.csv > submission.csv"""
"""Writes predictions that are better than nothing, in a tenth of a second."""


@pytest.fixture(autouse=True)
def _with_openenv() -> None:
    if find_spec("openenv") is None:
        require("openenv", "OpenEnv is not installed; scripts/test-integrations installs it")


class RunningServer:
    """A server in a thread of this process, which can be stopped and started again."""

    def __init__(self, **rules: Any) -> None:
        self.token = rules.pop("token", None)
        self.rules = rules
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the same port as before."""
        import uvicorn

        from mle_gym.integrations.openenv import EpisodeService, make_app, server_options

        self.service = EpisodeService(**self.rules)
        self._socket = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(
            make_app(self.service, token=self.token), **server_options(), loop="asyncio"
        )
        self._server = uvicorn.Server(config)
        coroutine = self._server.serve(sockets=[self._socket])
        self._thread = threading.Thread(target=asyncio.run, args=[coroutine])
        self._thread.start()

    def stop(self) -> None:
        """As SIGTERM does."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self.service.close()

    def count(self, name: str, **labels: str) -> float:
        """One of the server's own figures."""
        return self.service.metrics.registry.get_sample_value(f"mle_gym_{name}", labels) or 0.0


@pytest.fixture
def serve() -> Iterator[Callable[..., RunningServer]]:
    """Starts servers, and stops them after the test."""
    started: list[RunningServer] = []

    def start(**rules: Any) -> RunningServer:
        started.append(RunningServer(**rules))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def eventually(holds: Callable[[], bool], seconds: float = 600.0) -> None:
    """Wait until something holds, which another thread or process brings about."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)

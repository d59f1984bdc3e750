"""What a runner that is not ours might send."""

from __future__ import annotations

import json
import struct

from mle_gym.sandbox import InsideCommand, SandboxConfig
from mle_gym.sandbox.runner_client import RunnerSandbox
from mle_gym.sandbox.runner_setup import RunnerSetup
from mle_gym.sandbox.standalone.start_commands import runner_command


def frame(header: object, payload: bytes = b"") -> bytes:
    """One frame, as the protocol has it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack(">II", len(text), len(payload)) + text + payload


HOSTILE_FRAMES = [
    b"",
    b"\0",
    b"HTTP/1.1 200 OK\r\n\r\n" * 9,
    struct.pack(">II", 1 << 31, 0),
    struct.pack(">II", 2, 1 << 31) + b"{}",
    frame(b"\xff\xfe"),
    frame(b"[" * 100_000),
    frame([]),
    frame({}),
    frame({"op": "execute"}),
    frame({"op": ["done"]}),
    frame({"op": "printed", "newest": False}, b"nobody asked for this"),
    frame({"op": "request"}),
    frame({"op": "request", "tool": "grade", "path": "x"}),
    frame({"op": "request", "tool": {"submit": 1}, "path": "x"}),
]


class _Says:
    """A stream that says one thing and ends."""

    def __init__(self, data: bytes) -> None:
        self._data = [data, b""]

    def send(self, data: bytes, deadline: float) -> None:
        """Nobody listens."""

    def receive(self, deadline: float) -> bytes:
        return self._data.pop(0) if self._data else b""

    def close(self) -> None:
        """Nothing to free."""


def sandbox_that_says(data: bytes) -> RunnerSandbox:
    """A sandbox that was configured well and then sends ``data``."""
    stream = _Says(frame({"op": "done", "pid": 1}) + data)
    config = SandboxConfig(commands={"submit": InsideCommand("submission.csv")})
    setup = RunnerSetup("/workspace", "/run", runner_command("python", "/opt/mle-gym"), {})
    return RunnerSandbox("fake", stream, config, setup)

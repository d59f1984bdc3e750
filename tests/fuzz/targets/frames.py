"""The frame protocol, from both of its hostile sides: the runner, and the agent's own programs."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import tempfile
from collections.abc import Iterator
from typing import Any

from mle_gym.errors import SandboxCrashed, SubmissionError
from mle_gym.sandbox.limits import Limits
from mle_gym.sandbox.protocol import Reply, Request
from mle_gym.sandbox.runner_client import RunnerSandbox
from mle_gym.sandbox.runner_setup import RunnerSetup
from mle_gym.sandbox.sandbox_config import InsideCommand, SandboxConfig
from mle_gym.sandbox.standalone.runner.inside_commands import Calls
from mle_gym.sandbox.standalone.shared.frames import MAX_HEADER, receive_frame
from mle_gym.sandbox.standalone.start_commands import runner_command

LENGTHS = struct.Struct(">II")
COMMANDS = dict.fromkeys(("validate", "score", "submit"), InsideCommand("submission.csv"))
PIPE_BYTES = 1 << 16
"""What a pipe holds before a write to it waits."""
MAX_BYTES = 1 << 10
"""Of a fetched file."""


def check(data: bytes) -> None:
    """The first byte selects who gets the rest, and whether its lengths are corrected first."""
    if data:
        said = framed(data[1:]) if data[0] & 4 else data[1:]
        (host_hears, host_fetches, runner_hears, runner_is_called)[data[0] % 4](said)


def framed(text: bytes) -> bytes:
    """Headers and payloads in turn, separated by NUL, as frames with the lengths that they have."""
    parts = text.split(b"\0")
    parts += [b""] * (len(parts) % 2)
    return b"".join(
        LENGTHS.pack(len(header), len(payload)) + header + payload
        for header, payload in zip(parts[::2], parts[1::2], strict=True)
    )


class Recorded:
    """A stream that says what was recorded, in pieces, and then ends."""

    def __init__(self, said: bytes) -> None:
        self.said, self.sent, self.closed = said, b"", False

    def send(self, data: bytes, deadline: float) -> None:
        self.sent += data

    def receive(self, deadline: float) -> bytes:
        piece, self.said = self.said[:37], self.said[37:]
        return piece

    def close(self) -> None:
        self.closed = True


def frame(header: dict[str, Any], payload: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return LENGTHS.pack(len(text), len(payload)) + text + payload


def connect(said: bytes) -> tuple[RunnerSandbox, Recorded]:
    """A sandbox whose runner started well and then says this."""
    stream = Recorded(frame({"op": "done"}) + said)
    config = SandboxConfig(limits=Limits(), mounts=(), commands=COMMANDS)
    setup = RunnerSetup("/w", "/r", runner_command("python", "/r"), {})
    return RunnerSandbox("fuzzed", stream, config, setup), stream


def host_hears(said: bytes) -> None:
    """A command's answer, with the requests before it, is an Execution or a crash."""
    box, stream = connect(said)

    try:
        execution = box.begin("true", timeout=1.0)
        while isinstance(execution, Request):
            assert execution.tool in COMMANDS
            assert isinstance(execution.path, str)
            execution = box.answer(Reply(0, f"{execution.path}\n"))
    except SandboxCrashed as error:
        check_crash(str(error), stream)
        return
    assert 0 <= execution.exit_code <= 255
    for number in (execution.duration, execution.cpu_seconds, execution.peak_memory_mb):
        assert 0 <= number < 1e10
    assert isinstance(execution.output, bytes)
    assert execution.truncated_bytes >= 0


def check_crash(message: str, stream: Recorded) -> None:
    """Nothing more is read, and the message can be shown."""
    assert stream.closed
    assert len(message.encode()) < 1000


def host_fetches(said: bytes) -> None:
    """A file that is fetched is bytes within the limit, a refusal or a crash."""
    box, _ = connect(said)
    with contextlib.suppress(SandboxCrashed, SubmissionError):
        assert len(box.fetch("submission.csv", max_bytes=MAX_BYTES)) <= MAX_BYTES


def runner_hears(said: bytes) -> None:
    """The runner makes the frames of any bytes that are there, and then its host is gone."""
    said = said[: PIPE_BYTES - 1]
    heard = list(through_pipe(said))
    assert len(heard) == len(list(frames(said)))
    for (header, payload), (text, content) in zip(heard, frames(said), strict=True):
        assert repr(header) == repr(json.loads(text.decode().strip()))
        assert payload == content
        again = frame(header, payload)
        if len(again) < PIPE_BYTES:
            assert repr(next(through_pipe(again))) == repr((header, payload))


def frames(said: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The header and the payload of each whole frame whose header is a JSON object."""
    while len(said) >= LENGTHS.size:
        head, body = LENGTHS.unpack_from(said)
        end = LENGTHS.size + head + body
        text, payload = said[LENGTHS.size : LENGTHS.size + head], said[LENGTHS.size + head : end]
        try:
            header = json.loads(text.decode().strip())
        except (ValueError, RecursionError):
            return
        if head > MAX_HEADER or len(said) < end or not isinstance(header, dict):
            return
        yield text, payload
        said = said[end:]


def through_pipe(said: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """What the runner makes of these bytes."""
    read_end, write_end = os.pipe()
    try:
        os.write(write_end, said)
        os.close(write_end)
        while (heard := receive_frame(read_end)) is not None:
            yield heard
    finally:
        os.close(read_end)


def runner_is_called(said: bytes) -> None:
    """Anything that an agent writes to the tools' socket gets an answer or is disconnected."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/control"
        calls = Calls(path, COMMANDS, 1 << 20)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as program:
            program.connect(path)
            program.sendall(said[: PIPE_BYTES - 1] + b"\n")
            calls.hear(calls.descriptors()[0])
            for descriptor in calls.descriptors()[1:]:
                calls.hear(descriptor)
            found = calls.next(command_runs=True)
            if found is not None:
                call, _ = found
                assert call["tool"] in COMMANDS
                assert len(frame(dict(call))) < MAX_HEADER
                calls.pass_on(0, call["path"])
            calls.forget()
            program.settimeout(5)
            with contextlib.suppress(ConnectionError):
                answer = program.recv(1 << 20)
                assert not answer or json.loads(answer)["exit_code"] in (0, 1, 2)
        calls._listener.close()

"""A daemon's stream is parsed, even if its pieces are cut anywhere."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_gym.sandbox.docker.container_stream import AttachedStream, Demultiplexer

Pieces = list[tuple[int, bytes]]


def encode(pieces: Pieces) -> bytes:
    return b"".join(struct.pack(">BxxxI", kind, len(data)) + data for kind, data in pieces)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=40)), max_size=12),
    st.lists(st.integers(1, 30), min_size=1, max_size=12),
)
def test_standard_output_survives_any_cutting(pieces: Pieces, sizes: list[int]) -> None:
    demultiplexer, data, output = Demultiplexer(), encode(pieces), b""
    position = turn = 0
    while position < len(data):
        size = sizes[turn % len(sizes)]
        output += demultiplexer.feed(data[position : position + size])
        position, turn = position + size, turn + 1
    assert output == b"".join(content for kind, content in pieces if kind == 1)


def test_other_streams_are_kept_as_messages_up_to_a_limit() -> None:
    demultiplexer = Demultiplexer()
    assert demultiplexer.feed(encode([(2, b"x" * 100_000), (2, b" no such file\n")])) == b""
    assert demultiplexer.messages.endswith("x no such file")
    assert len(demultiplexer.messages) < 5000


@pytest.fixture
def ends() -> Iterator[tuple[AttachedStream, socket.socket]]:
    ours, theirs = socket.socketpair()
    stream = AttachedStream(ours, lambda: None)
    yield stream, theirs
    stream.close()
    theirs.close()


def soon() -> float:
    return time.monotonic() + 5


def test_receive_waits_for_output_and_skips_the_rest(
    ends: tuple[AttachedStream, socket.socket],
) -> None:
    stream, theirs = ends
    theirs.sendall(encode([(2, b"warning"), (1, b""), (1, b"hello")])[:-2])
    assert stream.receive(soon()) == b"hel"
    theirs.sendall(b"lo")
    assert stream.receive(soon()) == b"lo"
    assert stream.messages == "warning"
    theirs.close()
    assert stream.receive(soon()) == b""


def test_a_silent_or_stuck_other_end_meets_the_deadline(
    ends: tuple[AttachedStream, socket.socket],
) -> None:
    stream, theirs = ends
    theirs.sendall(encode([(2, b"only a message")]))
    with pytest.raises(TimeoutError):
        stream.receive(time.monotonic() + 0.2)
    with pytest.raises(TimeoutError):
        stream.send(b"x" * (1 << 24), time.monotonic() + 0.2)


def test_close_removes_once_and_hangs_up() -> None:
    ours, theirs = socket.socketpair()
    removed: list[str] = []
    stream = AttachedStream(ours, lambda: removed.append("container"))
    stream.close()
    stream.close()
    assert removed == ["container"]
    assert theirs.recv(1) == b""
    theirs.close()

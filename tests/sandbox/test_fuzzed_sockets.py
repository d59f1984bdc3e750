"""Hostile writes to the socket on which a zygote listens."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox import Sandbox, SandboxConfig
from mle_gym.sandbox.backends import get_backend
from mle_gym.sandbox.standalone.zygote.accept_request import HEADER, MAGIC

from .conftest import start
from .docker_daemon import require
from .test_warm import is_warm, wait_until_warm, zygotes

SENDER = """
import base64, json, os, socket, sys
for call in json.loads(base64.b64decode(sys.argv[2])):
    for _ in range(call["times"]):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(0.3)
            opened = [0, s.fileno(), os.open(".", os.O_PATH), os.open("/dev/null", os.O_WRONLY)]
            try:
                s.connect(sys.argv[1])
                for part in call["parts"]:
                    data = base64.b64decode(part)
                    descriptors = [opened[n] for n in call["descriptors"]]
                    socket.send_fds(s, [data or b"x"], descriptors)
                if call["reads"]:
                    s.shutdown(socket.SHUT_WR)
                    s.recv(99)
            except OSError:
                pass
            for descriptor in opened[2:]:
                os.close(descriptor)
"""

number = st.sampled_from([0, 1, 2, 2**16, 2**22, 2**22 + 1, 2**31, 2**32 - 1])
wide = st.sampled_from([0, 1, 2**63, 2**64 - 1])


@st.composite
def request(draw: st.DrawFn) -> bytes:
    """Like a shim's, and wrong somewhere."""
    words = draw(st.lists(st.binary(max_size=9).filter(lambda b: b"\0" not in b), max_size=5))
    body = b"".join(word + b"\0" for word in words)
    arguments = draw(st.one_of(st.just(len(words)), number))
    size = draw(st.one_of(st.just(len(body)), number))
    signed = [draw(st.sampled_from([-(2**31), -20, 0, 19, 2**31 - 1])) for _ in range(2)]
    rest = [draw(wide) for _ in range(34)]
    magic = draw(st.sampled_from([MAGIC, MAGIC, MAGIC, b"mlewarm0"]))
    header = HEADER.pack(
        magic, arguments, draw(st.sampled_from([0, 0, 1, 2**32 - 1])), size, draw(number),
        *signed, *rest, draw(st.binary(max_size=128)),
    )  # fmt: skip
    whole = header + body + draw(st.sampled_from([b"", b"G", b"G" * 99]))
    return whole[: draw(st.one_of(st.just(len(whole)), st.integers(1, len(whole))))]


@st.composite
def command(draw: st.DrawFn) -> bytes:
    """Like a call of ``submit``, and wrong somewhere."""
    tool = st.sampled_from(["submit", "validate", "score", "", "rm", "\0"])
    path = st.sampled_from(["/etc/passwd", "", "\0", "a" * 5000, "/proc/1/mem", "/dev/zero", "."])
    call = st.dictionaries(
        st.sampled_from(["tool", "path", "x"]), st.one_of(tool, path, st.integers(), st.none())
    )
    text = json.dumps(draw(st.one_of(call, st.lists(call, max_size=2), st.integers()))).encode()
    return draw(st.sampled_from([text, text + b"\n", text[:5], b"[" * 9000 + b"\n", b"\n" * 3]))


def calls(part: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Connections: what is sent, with which descriptors, how often, and whether they listen."""
    encoded = st.one_of(part, st.binary(min_size=1, max_size=700)).map(
        lambda data: base64.b64encode(data).decode()
    )
    call = st.fixed_dictionaries(
        {
            "parts": st.lists(encoded, max_size=3),
            "descriptors": st.lists(st.integers(0, 3), max_size=9),
            "times": st.sampled_from([1, 1, 2, 20]),
            "reads": st.booleans(),
        }
    )
    return st.lists(call, min_size=1, max_size=3)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    try:
        get_backend("bubblewrap").check()
    except SandboxUnavailable as error:
        require("bubblewrap", str(error))
    with start("bubblewrap", SandboxConfig()) as sandbox:
        sandbox.write_file("/tmp/send.py", SENDER.encode())
        wait_until_warm(sandbox)
        yield sandbox


def send(sandbox: Sandbox, socket_path: str, calls: list[dict[str, Any]]) -> None:
    text = base64.b64encode(json.dumps(calls).encode()).decode()
    execution = sandbox.execute(f"python /tmp/send.py {socket_path} {text}", timeout=60)
    assert execution.exit_code == 0, execution.output


@settings(max_examples=15, deadline=None)
@given(calls(request()))
@pytest.mark.slow("hypothesis makes up conversations")
def test_the_zygote_survives_what_a_sandbox_sends(
    sandbox: Sandbox, calls: list[dict[str, Any]]
) -> None:
    before = zygotes()
    send(sandbox, "/run/mle-gym/python", calls)
    assert zygotes() == before
    assert sandbox.execute("python -c 'print(6 * 7)'", timeout=60).output == b"42\n"


CUT_SHORT = {
    "parts": [base64.b64encode(part).decode() for part in (b'{"pat', b"\n" * 3, b"\n" * 3)],
    "descriptors": [],
    "times": 20,
    "reads": False,
}


@settings(max_examples=15, deadline=None)
@example([CUT_SHORT])
@given(calls(command()))
@pytest.mark.slow("hypothesis makes up conversations")
def test_the_runner_survives_what_a_sandbox_sends(
    sandbox: Sandbox, calls: list[dict[str, Any]]
) -> None:
    send(sandbox, "/run/mle-gym/control", calls)
    assert sandbox.execute("echo 42", timeout=60).output == b"42\n"


def test_after_all_that_it_is_warm(sandbox: Sandbox) -> None:
    wait_until_warm(sandbox)
    assert is_warm(sandbox)

"""Agents in other containers ask over HTTP whether a submission is valid, as on MLE-bench."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from email.parser import BytesParser
from typing import Any

import pytest

import mle_gym
from mle_gym.errors import DatasetError, SubmissionError
from mle_gym.grading.open_grader import load_grader
from mle_gym.integrations.mle_bench import grading_server
from mle_gym.integrations.mle_bench.grading_server import GradingServer, file_in_form
from mle_gym.tasks.catalog import load_task

MOST = 1_000_000
BOUNDARY = "----abc"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.fixture(scope="module")
def sample() -> bytes:
    return (mle_gym.prepare("wine").public / "sample_submission.csv").read_bytes()


@pytest.fixture(scope="module")
def server() -> Iterator[GradingServer]:
    with GradingServer(load_grader(load_task("wine")), MOST, port=0) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def form(content: bytes, name: str = "file") -> bytes:
    """A form as curl makes it."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="s.csv"\r\n'
    other = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    kind = "Content-Type: text/csv\r\n\r\n"
    return (other + head + kind).encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def ask(
    server: GradingServer, path: str, body: bytes | None = None, kind: str = FORM
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    with contextlib.closing(connection):
        method = "GET" if body is None else "POST"
        connection.request(method, path, body=body, headers={"Content-Type": kind})
        with connection.getresponse() as answer:
            return answer.status, json.loads(answer.read())


def test_it_says_that_it_lives(server: GradingServer) -> None:
    assert ask(server, "/health") == (200, {"status": "running"})
    assert ask(server, "/validate")[0] == 404
    assert ask(server, "/grade", form(b""))[0] == 404


def test_a_valid_submission_gets_no_score(server: GradingServer, sample: bytes) -> None:
    assert ask(server, "/validate", form(sample)) == (200, {"result": "Submission is valid."})


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\r\n--x\r\n", b"\x00" * 999])
def test_an_unusable_one_is_told_why(server: GradingServer, content: bytes) -> None:
    status, answer = ask(server, "/validate", form(content))
    expected = load_grader(load_task("wine")).validate(content)
    assert not expected.valid
    assert (status, answer) == (200, {"result": f"Submission invalid! {expected.message}"})


def test_the_content_arrives_byte_by_byte(server: GradingServer, sample: bytes) -> None:
    windows = sample.replace(b"\n", b"\r\n") + b"\r\n"
    assert load_grader(load_task("wine")).validate(windows).valid
    assert ask(server, "/validate", form(windows)) == (200, {"result": "Submission is valid."})
    cut = load_grader(load_task("wine")).validate(sample[:-3])
    assert ask(server, "/validate", form(sample[:-3]))[1]["result"].endswith(cut.message)


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (form(b"x", name="other"), FORM, "the form has no field 'file'"),
        (b"x", "text/csv", "expected a form"),
        (b"x", "multipart/form-data", "expected a form"),
        (b"x", f"{FORM}\tx\u00e9".encode().decode("latin-1"), "no field 'file'"),
        (b"x" * (MOST + 2**16 + 1), FORM, "a submission may have 1,000,000 bytes"),
    ],
)
def test_what_is_no_form_is_refused(
    server: GradingServer, body: bytes, kind: str, message: str
) -> None:
    try:
        status, answer = ask(server, "/validate", body, kind)
    except ConnectionError:  # it was refused before all of it was sent
        assert len(body) > MOST
    else:
        assert status == 400
        assert message in answer["error"]
    assert ask(server, "/health")[0] == 200


def test_broken_requests_end_nothing(server: GradingServer, sample: bytes) -> None:
    heads = [
        b"POST /validate HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /validate HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /validate HTTP/1.1\r\nContent-Length: 50\r\n\r\nshort",
        b"\x00\x01\x02\r\n\r\n",
    ]
    for head in heads:
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as client:
            client.sendall(head)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
    assert ask(server, "/validate", form(sample))[1] == {"result": "Submission is valid."}


@pytest.mark.parametrize(
    "body",
    [
        f"--{BOUNDARY}\r\nContent-Disposition: form-data".encode() + b";a" * 400_000 + b"\r\n\r\nx",
        f"--{BOUNDARY}\r\n".encode() + b"a:b\r\n" * 150_000 + b"\r\nx",
        f"\r\n--{BOUNDARY}".encode() * 80_000,
    ],
    ids=["parameters", "lines", "parts"],
)
def test_a_form_that_would_take_long_to_read_is_refused(
    server: GradingServer, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    class Counting(BytesParser):
        def parsebytes(self, text: bytes | bytearray, headersonly: bool = False) -> Any:
            read.append(len(text))
            return super().parsebytes(text, headersonly)

    monkeypatch.setattr(grading_server, "BytesParser", Counting)
    with pytest.raises(SubmissionError):
        file_in_form(FORM, body)
    assert max(read) < 5_000
    assert len(read) < 150
    assert ask(server, "/validate", body)[0] == 400


def test_slow_uploads_end_and_others_go_on(
    server: GradingServer, sample: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grading_server, "UPLOAD_SECONDS", 0.3)
    monkeypatch.setattr(grading_server, "BYTES_PER_SECOND", 1e9)
    head = b"POST /validate HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"
    ended = threading.Event()
    slow = [_connected(server, head) for _ in range(grading_server.UPLOADS)]

    def trickle() -> None:
        while not ended.wait(0.05):
            for client in slow:
                with suppress(OSError):
                    client.send(b"x")

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        assert ask(server, "/validate", form(sample))[0] == 200
        assert all(b"ended before its content" in client.recv(4096) for client in slow)
    finally:
        ended.set()
        thread.join()
        for client in slow:
            client.close()


def test_who_asks_slowly_or_opens_too_many_connections_is_hung_up_on(
    server: GradingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grading_server, "CONNECTIONS_EACH", 3)
    with ExitStack() as stack:
        slow = [stack.enter_context(_connected(server, b"GET /hea")) for _ in range(3)]
        with _connected(server, b"") as one_more:
            assert one_more.recv(1) == b""
        monkeypatch.setattr(grading_server, "HEAD_SECONDS", 0)
        assert [client.recv(1) for client in slow] == [b""] * 3
    monkeypatch.undo()
    assert ask(server, "/health")[0] == 200


def _connected(server: GradingServer, data: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.server_port), timeout=60)
    client.sendall(data)
    return client


def test_many_ask_at_the_same_time(server: GradingServer, sample: bytes) -> None:
    bodies = [form(sample if number % 2 else b"bad\n") for number in range(24)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda body: ask(server, "/validate", body)[1]["result"], bodies))
    assert [answer == "Submission is valid." for answer in answers] == [False, True] * 12


@pytest.mark.parametrize(
    ("error", "details"),
    [(DatasetError("the answers are gone"), "the answers are gone"), (KeyError("x"), "KeyError")],
)
def test_a_fault_of_the_machinery_is_no_verdict(
    server: GradingServer, monkeypatch: pytest.MonkeyPatch, error: Exception, details: str
) -> None:
    def fail(content: bytes) -> None:
        raise error

    monkeypatch.setattr(server, "verdict", fail)
    status, answer = ask(server, "/validate", form(b"x"))
    assert status == 500
    assert answer == {"error": "The submission could not be checked.", "details": details}


@pytest.mark.slow("a process of its own imports everything")
def test_the_command_serves_until_ctrl_c(sample: bytes) -> None:
    command = [sys.executable, "-m", "mle_gym", "grading-server", "wine", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        (port,) = re.findall(r"http://127\.0\.0\.1:(\d+)/validate", process.stdout.readline())
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
        connection.request("POST", "/validate", form(sample), {"Content-Type": FORM})
        assert json.loads(connection.getresponse().read()) == {"result": "Submission is valid."}
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0

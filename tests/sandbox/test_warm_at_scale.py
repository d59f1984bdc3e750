"""Warm Python with many sandboxes, and the reasons that are reported if it was not warm."""

from __future__ import annotations

import select
import socket
import sys
from pathlib import Path

import pytest

from mle_gym.sandbox import SandboxConfig
from mle_gym.sandbox.standalone.launcher.warm_zygotes import Zygote
from tests.sandbox.conftest import eventually, start

ORDERS = 1000
BUSY = """
import json, socket, sys, time
time.sleep(0.5)  # as if it imported something
control, found = socket.socket(fileno=int(sys.argv[2])), []
while len(found) < int(sys.argv[1]):
    message, descriptors, _, _ = socket.recv_fds(control, 1 << 16, 1)
    for each in descriptors:
        socket.socket(fileno=each).close()
    found.append((json.loads(message)["id"], len(descriptors)))
print(found == [(n, 1) for n in range(len(found))], file=open(sys.argv[3], "w"))
"""


def test_a_zygote_gets_every_order_that_it_was_too_busy_for(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    program = BUSY.replace("sys.argv[3]", repr(str(answer)))
    poll = select.poll()
    plan = {"command": [sys.executable, "-c", program, str(ORDERS)], "environment": {}}
    zygote = Zygote(plan, poll)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for number in range(ORDERS):
            zygote.tell({"id": number}, (theirs.fileno(),))
    assert poll.poll(0) == []  # the kernel holds no more of them

    def all_taken() -> bool:
        if poll.poll(10):
            zygote.send()
        return answer.exists() and answer.read_text() == "True\n"

    assert eventually(all_taken)
    zygote.close()


def test_what_runs_cold_is_said(isolating_backend: str) -> None:
    with start(isolating_backend, SandboxConfig(preload=("json",))) as sandbox:

        def cold(command: str) -> str:
            return sandbox.execute(command, timeout=60).cold

        assert eventually(lambda: cold("python -c 1") == "")
        assert cold("true") == ""
        assert cold("python -E -c 1") == "refused"
        assert cold("python -c 1") == ""
        assert cold("rm /run/mle-gym/python; python -c 1") == "unavailable"


def test_a_sandbox_without_warm_python_says_so_always() -> None:
    with start("subprocess", SandboxConfig()) as sandbox:
        assert sandbox.execute("true", timeout=10).cold == "unavailable"
    with start("bubblewrap", SandboxConfig(warm=False)) as sandbox:
        assert sandbox.execute("true", timeout=10).cold == "off"


@pytest.mark.bubblewrap
def test_threads_that_start_sandboxes_at_once_ask_the_interpreter_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from mle_gym.sandbox.installation import packages

    asked = []
    real = packages._ask

    def counted(*given: object) -> object:
        asked.append(given)
        return list(real(*given))  # type: ignore[arg-type]

    packages._shown_packages.cache_clear()
    monkeypatch.setattr(packages, "_ask", counted)
    with ThreadPoolExecutor(4) as pool:
        for sandbox in pool.map(lambda _: start("bubblewrap", SandboxConfig()), range(4)):
            sandbox.close()
    assert len(asked) == 1

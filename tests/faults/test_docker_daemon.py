"""A daemon that hangs or ends in the middle of an episode."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest

from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox.docker.image import build_from_host
from tests.faults.conftest import MakeHost
from tests.sandbox.conftest import eventually, processes_with
from tests.sandbox.docker_daemon import require, start_daemon

PATIENCE = 4.0

pytestmark = pytest.mark.docker


@pytest.fixture
def own_daemon() -> Iterator[int]:
    """The process of a daemon that no other test uses, and that Docker's clients find."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLE_GYM_DOCKER_IMAGE", "mle-gym-test:latest")
        try:
            host = start_daemon()
            patch.setenv("DOCKER_HOST", host)
            build_from_host(lambda line: None)
        except SandboxUnavailable as error:
            require("docker", str(error))
        pid = int(Path(urlparse(host).path).with_name("docker.pid").read_text())
        yield pid
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGTERM)
            eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_a_daemon_that_hangs_or_ends(make_host: MakeHost, own_daemon: int) -> None:
    host = make_host(sandbox="docker", patience=PATIENCE, command_timeout=1.0)
    host.ask("reset")

    os.kill(own_daemon, signal.SIGSTOP)  # every byte to and from the runner passes through it
    answer = host.step("echo never heard")
    assert answer.get("over"), answer
    assert "no answer to 'execute'" in answer["failure"]["message"]
    assert (answer["grade"], answer["reward"]) == (None, 0.0)
    refused = host.ask("reset")
    assert refused["raised"] in ("SandboxUnavailable", "SandboxCrashed"), refused
    os.kill(own_daemon, signal.SIGCONT)
    assert eventually(lambda: "output" in host.ask("reset"))
    assert host.step("echo heard")["output"] == "heard\n"

    host.step("setsid sleep 31415926 &")
    os.kill(own_daemon, signal.SIGTERM)
    assert eventually(lambda: not Path(f"/proc/{own_daemon}").exists())
    assert not processes_with("31415926")
    answer = host.step("echo never heard")
    assert answer.get("over"), answer
    assert "the docker sandbox died" in answer["failure"]["message"]
    refused = host.ask("reset")
    assert refused["raised"] == "SandboxUnavailable"
    assert "Docker is not running" in refused["message"]
    host.leave()

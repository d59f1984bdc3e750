"""A real Docker daemon with the project's image: the one that runs here, or a new one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox.docker.daemon import connect
from mle_gym.sandbox.docker.image import build_from_host
from mle_gym.sandbox.docker.pool import AHEAD_VARIABLE

_IMAGE = "mle-gym-test:latest"
_START_SECONDS = 60.0


def require(name: str, reason: str) -> None:
    """Skip, or fail where MLE_GYM_REQUIRE says that this machine must have it."""
    if name in os.environ.get("MLE_GYM_REQUIRE", "").split(","):
        pytest.fail(f"{name} is required here: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def docker_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a daemon that has the image; ``DOCKER_HOST`` and the image's name are set.

    The workers of one run share it: the first to come starts the daemon and makes the image.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    state = shared / "docker.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLE_GYM_DOCKER_IMAGE", _IMAGE)
        # Tests count containers; the pool's own ask for one.
        patch.setenv(AHEAD_VARIABLE, "0")
        with FileLock(shared / "docker.lock"):
            if not state.exists():
                state.write_text(json.dumps(_prepare(patch)))
        found = json.loads(state.read_text())
        if "reason" in found:
            require("docker", found["reason"])
        if found["host"]:
            patch.setenv("DOCKER_HOST", found["host"])
        yield found["host"]


def _prepare(patch: pytest.MonkeyPatch) -> dict[str, str]:
    """Find or start a daemon and make the image: its address, or the reason why not."""
    host = os.environ.get("DOCKER_HOST", "")
    try:
        if not _answers(host):
            host = start_daemon()
            patch.setenv("DOCKER_HOST", host)
        build_from_host(lambda line: None)
    except SandboxUnavailable as error:
        return {"reason": str(error)}
    return {"host": host}


def _answers(host: str) -> bool:
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(SandboxUnavailable):
        patch.setenv("DOCKER_HOST", host)
        return bool(connect().ping())
    return False


def start_daemon() -> str:
    """Start a daemon that collides with nothing and ends with this test run."""
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        raise SandboxUnavailable(
            "no Docker daemon runs, and only root with `dockerd` can start one"
        )
    folder = Path(tempfile.mkdtemp(prefix="mle-gym-docker-", dir="/tmp"))
    host = f"unix://{folder}/docker.sock"
    settings = {
        "data-root": str(folder / "data"),
        "exec-root": str(folder / "exec"),
        "pidfile": str(folder / "docker.pid"),
        "hosts": [host],
        "iptables": False,
        "ip6tables": False,
        "ip-forward": False,
        "bridge": "none",
    }
    (folder / "daemon.json").write_text(json.dumps(settings))
    owner = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    guard = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("docker_guard.py"), str(owner), str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(host):
        if guard.poll() is not None or time.monotonic() > deadline:
            raise SandboxUnavailable("the Docker daemon that the tests started did not come up")
        time.sleep(0.1)
    guard.returncode = 0  # it outlives this process on purpose, so there is no reason to warn
    return host

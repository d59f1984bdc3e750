"""A sandbox of each kind, and the means to look at this machine's processes from outside."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox import InsideCommand, Sandbox, SandboxConfig
from mle_gym.sandbox.backends import get_backend
from mle_gym.sandbox.sandbox_config import PRELOAD
from mle_gym.sandbox.snapshots.store import current_store
from tests.sandbox.docker_daemon import docker_host, require  # noqa: F401
from tests.task_folders import own_cache  # noqa: F401
from tests.tiers import few_quick

MakeSandbox = Callable[..., Sandbox]
COMMANDS = dict.fromkeys(("validate", "score", "submit"), InsideCommand("submission.csv"))
"""What every sandbox in these tests offers inside by default."""
PATIENCE = 60.0
"""Seconds that a busy machine may need for what an idle one does immediately."""


BACKENDS = few_quick(
    ["bubblewrap", "docker", "subprocess"],
    ("bubblewrap", "docker"),
    "its sandboxes do what those of bubblewrap do, with the same runner",
)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The name of each backend that works on this machine."""
    return working_backend(request)


@pytest.fixture(params=["bubblewrap", "docker"])
def isolating_backend(request: pytest.FixtureRequest) -> str:
    """The name of each backend that promises isolation."""
    return working_backend(request)


def working_backend(request: pytest.FixtureRequest) -> str:
    """The fixture's parameter, if that backend works here."""
    name = str(request.param)
    if name == "docker":
        request.getfixturevalue("docker_host")
    try:
        get_backend(name).check()
    except SandboxUnavailable as error:
        require(name, str(error))
    return name


@pytest.fixture
def make_sandbox(backend: str) -> Iterator[MakeSandbox]:
    """Make sandboxes that are closed with the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(start(backend, SandboxConfig(**options)))


@pytest.fixture
def sandbox(make_sandbox: MakeSandbox) -> Sandbox:
    """A sandbox with the default limits."""
    return make_sandbox()


def start(name: str, config: SandboxConfig) -> Sandbox:
    """Start a sandbox with :data:`COMMANDS`, without the warning of `subprocess`.

    A container has a zygote of its own, which imports no library here: that takes seconds, and what
    most tests run needs none.
    """
    if name == "docker" and config.preload == PRELOAD:
        config = replace(config, preload=())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return get_backend(name).create(replace(config, commands=config.commands or COMMANDS))


def start_restored(name: str, config: SandboxConfig) -> Sandbox:
    """Start a sandbox that continues from a snapshot of another one of the same kind."""
    with start(name, config) as first:
        first.execute("mkdir -p kept && echo 1 > kept/file && export KEPT=1", timeout=20)
        store, taken = current_store(), first.snapshot()
    lease = store.lease(taken)
    config = replace(config, layers=lease.layers, layers_bytes=lease.info.bytes)
    sandbox = start(name, config)
    sandbox.restore(lease)
    lease.release()
    store.delete(taken)
    assert sandbox.read_file("kept/file").output == b"1\n"
    return sandbox


def processes_with(marker: str) -> list[int]:
    """Pids on this machine, in any namespace, whose command line holds the marker."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marker.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def sleepers(marker: str) -> list[int]:
    """Those of them that are `sleep`; before, each is a copy of bash, or for a moment nameless."""
    found = []
    for pid in processes_with(marker):
        try:
            if Path(f"/proc/{pid}/comm").read_text() == "sleep\n":
                found.append(pid)
        except OSError:
            continue
    return found


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def eventually(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether the condition becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()

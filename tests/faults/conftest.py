"""Hosts that tests can kill, and what must not remain of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import psutil
import pytest

from mle_gym.sandbox.docker.daemon import OWNER_LABEL, connect, identity
from tests.sandbox.conftest import eventually, isolating_backend  # noqa: F401
from tests.sandbox.docker_daemon import docker_host  # noqa: F401
from tests.task_folders import own_cache  # noqa: F401

PROGRAM = Path(__file__).with_name("host_program.py")
LONGEST = 60.0
"""Seconds after which a host counts as hanging."""
MakeHost = Callable[..., "Host"]


class Host:
    """A process with an environment. It remembers all that it starts, to be looked for later."""

    def __init__(self, folder: Path, *, patience: float = 60.0, **arguments: Any) -> None:
        self.folder = folder
        folder.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM, json.dumps({"patience": patience, "arguments": arguments})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(PROGRAM.parents[2])},
        )
        self.pid = self._process.pid
        self.identity = identity(self.pid)
        self.seen: set[psutil.Process] = set()
        self._answers: Queue[str] = Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        assert self.answer()["version"]

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as answers:
            for line in answers:
                self._answers.put(line)

    def tell(self, order: str, argument: Any = None) -> None:
        """Send a command without waiting for its end."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([order, argument]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The answer to the last command. Fails if the host hangs."""
        try:
            found: dict[str, Any] = json.loads(self._answers.get(timeout=LONGEST))
        except Empty:
            pytest.fail(f"the host hangs: no answer within {LONGEST:.0f} s")
        self.look()
        return found

    def ask(self, order: str, argument: Any = None) -> dict[str, Any]:
        """Send a command and wait for its end."""
        self.tell(order, argument)
        return self.answer()

    def step(self, action: Any) -> dict[str, Any]:
        """Take a step."""
        return self.ask("step", action)

    def look(self) -> list[psutil.Process]:
        """The processes that descend from this one now."""
        try:
            found = psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self.seen.update(found)
        return found

    def find(self, role: str) -> list[psutil.Process]:
        """Its processes in one role: launcher, bwrap, runner or zygote."""
        return [process for process in self.look() if _role(process) == role]

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end."""
        return self._process.wait(LONGEST)

    def leave(self) -> None:
        """End it in the ordinary way."""
        if self._process.poll() is None:
            self.look()
            assert self._process.stdin is not None
            self._process.stdin.close()
            self.wait()

    def end(self) -> None:
        """End it in any way."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def _role(process: psutil.Process) -> str:
    try:
        command = process.cmdline()
        parent = process.parent()
        if process.name() == "bwrap":
            return "bwrap" if parent is not None and "launcher" in str(parent.cmdline()) else ""
        if command[-2:-1] and "zygote" in " ".join(command):
            return "zygote"
        if parent is not None and parent.name() == "bwrap":
            return "runner"
        return "launcher" if "launcher" in " ".join(command) else ""
    except psutil.Error:
        return ""


def remains(host: Host, backend: str) -> list[str]:
    """What remains of a host that has ended: processes, groups, mounts, folders, containers."""
    left = [f"process {p.pid}: {p}" for p in host.seen if p.is_running() and not _dead(p)]
    launchers = {str(process.pid) for process in host.seen}
    for folder, groups, _ in os.walk("/sys/fs/cgroup"):  # the folder changes meanwhile
        left += [f"control group {folder}/{name}" for name in groups if _owner(name) in launchers]
    left += [f"folder {path}" for path in host.folder.iterdir()]
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    left += [f"mount {line}" for line in mounts.splitlines() if str(host.folder) in line]
    if backend == "docker":
        label = {"label": f"{OWNER_LABEL}={host.identity}"}
        left += [f"container {c['Id']}" for c in connect().api.containers(all=True, filters=label)]
    return left


def _owner(group: str) -> str:
    return group.split("-")[2] if group.startswith("mle-gym-") else ""


def _dead(process: psutil.Process) -> bool:
    try:
        return str(process.status()) == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def assert_nothing_remains(host: Host, backend: str = "") -> None:
    """Fail with a list of what remains after a while."""
    assert eventually(lambda: not remains(host, backend)), remains(host, backend)


@pytest.fixture
def make_host(tmp_path: Path) -> Iterator[MakeHost]:
    """Make hosts that end with the test."""
    with ExitStack() as stack:

        def make(**options: Any) -> Host:
            # A host's zygote would import libraries for seconds, which these tests don't use.
            folder = tmp_path / f"host-{len(list(tmp_path.iterdir()))}"
            host = Host(folder, **{"preload": [], **options})
            stack.callback(host.end)
            return host

        yield make

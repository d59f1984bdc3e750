"""A sandbox that ends is its agent's doing, unless a cause was seen from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from mle_gym.episode.failures import KINDS
from mle_gym.errors import SandboxCrashed, SandboxEnded
from mle_gym.sandbox import Limits, Sandbox, SandboxConfig, runner_client, verdict
from mle_gym.sandbox.bubblewrap.launcher_client import current_launcher
from mle_gym.sandbox.docker.daemon import connect
from mle_gym.sandbox.verdict import Evidence, judge
from tests.sandbox.conftest import eventually, parent_of, sleepers, start
from tests.security.arena import weakened
from tests.security.frames import frame, sandbox_that_says

SMALL = SandboxConfig(limits=Limits(memory_mb=128, disk_mb=16), warm=False)

# ------------------------------------------------------------------------------- the decision


@pytest.mark.parametrize(
    ("evidence", "silent", "kind"),
    [
        (Evidence(supervised=False), False, "sandbox_died"),
        (Evidence(supervised=False, own_memory=True), False, "sandbox_died"),
        (Evidence(killed=True), False, "sandbox_died"),
        (Evidence(killed=True, host_memory=True), False, "host_out_of_memory"),
        (Evidence(stopped=True), True, "sandbox_silent"),
    ],
)
def test_a_cause_seen_outside_is_a_failure_of_its_kind(
    evidence: Evidence, silent: bool, kind: str
) -> None:
    error = judge("it died", evidence, silent=silent, used=True)
    assert not isinstance(error, SandboxEnded)
    assert error.kind == kind
    assert error.kind in KINDS


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("evidence", [Evidence(), Evidence("a note"), Evidence(host_memory=True)])
def test_without_one_it_is_the_agents_doing(quiet: None, evidence: Evidence, silent: bool) -> None:
    error = judge("it died", evidence, silent=silent, used=True)
    assert isinstance(error, SandboxEnded)
    assert error.killed_by == ""


def test_the_sandboxes_own_limit_of_memory_is_the_agents_doing() -> None:
    evidence = Evidence(own_memory=True, killed=True)
    error = judge("it died", evidence, silent=False, used=True)
    assert isinstance(error, SandboxEnded)
    assert error.killed_by == "memory"


@pytest.mark.parametrize("evidence", [Evidence(), Evidence(own_memory=True)])
def test_nothing_is_an_agents_doing_that_has_not_acted(quiet: None, evidence: Evidence) -> None:
    for silent, kind in ((False, "sandbox_died"), (True, "sandbox_silent")):
        error = judge("it died", evidence, silent=silent, used=False)
        assert not isinstance(error, SandboxEnded)
        assert error.kind == kind


def pressure(folder: Path, cpu: float, memory: float) -> None:
    """What the kernel says about waiting processes."""
    for name, percent in (("cpu", cpu), ("memory", memory)):
        lines = (f"{who} avg10={percent:.2f} avg60=0.00 avg300=0.00 total=1\n"
                 for who in ("some", "full"))  # fmt: skip
        (folder / name).write_text("".join(lines))


def memory(folder: Path, available: int) -> None:
    """What the kernel says about memory, of 100 KiB."""
    (folder / "meminfo").write_text(f"MemTotal: 100 kB\nMemAvailable: {available} kB\n")


@pytest.fixture
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without load, even if something else runs beside this test."""
    pressure(tmp_path, 0, 0)
    memory(tmp_path, available=90)
    monkeypatch.setattr(verdict, "_PRESSURE", tmp_path)
    monkeypatch.setattr(verdict, "_MEMORY", tmp_path / "meminfo")


def test_pressure_figures_tell_a_busy_host(
    quiet: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (verdict.host_is_busy(), verdict.host_is_thrashing()) == (False, False)
    pressure(tmp_path, 97.5, 0)
    assert (verdict.host_is_busy(), verdict.host_is_thrashing()) == (True, False)
    pressure(tmp_path, 0, 80)
    assert not verdict.host_is_thrashing()  # a sandbox waits at its own limit
    assert isinstance(judge("silent", Evidence(), silent=True, used=True), SandboxEnded)
    memory(tmp_path, available=2)
    assert (verdict.host_is_busy(), verdict.host_is_thrashing()) == (False, True)
    assert judge("silent", Evidence(), silent=True, used=True).kind == "sandbox_silent"
    assert isinstance(judge("ended", Evidence(), silent=False, used=True), SandboxEnded)
    monkeypatch.setattr(verdict, "_PRESSURE", tmp_path / "none")
    monkeypatch.setattr(os, "getloadavg", lambda: (1e6, 0, 0))
    assert (verdict.host_is_busy(), verdict.host_is_thrashing()) == (True, False)
    monkeypatch.setattr(os, "getloadavg", lambda: (0, 0, 0))
    assert not verdict.host_is_busy()


class _Late:
    """A stream that has nothing until the third read."""

    def __init__(self) -> None:
        self.asked = 0

    def send(self, data: bytes, deadline: float) -> None:
        """Nobody listens."""

    def receive(self, deadline: float) -> bytes:
        self.asked += 1
        if self.asked <= 3:
            raise TimeoutError
        return frame({"op": "done", "exit_code": 0}, b"late\n")

    def close(self) -> None:
        """Nothing to free."""


def test_a_busy_host_is_waited_for_and_a_quiet_one_is_not(
    quiet: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressure(tmp_path, 90, 0)
    sandbox = sandbox_that_says(b"")
    sandbox._exchange._stream = _Late()
    assert sandbox.execute("true", timeout=0).output == b"late\n"
    pressure(tmp_path, 0, 0)
    sandbox._exchange._stream = _Late()
    with pytest.raises(SandboxEnded, match="no answer to 'execute'"):
        sandbox.execute("true", timeout=0)


class _Listens:
    """A stream that answers immediately and remembers its deadlines."""

    def __init__(self) -> None:
        self.until = 0.0

    def send(self, data: bytes, deadline: float) -> None:
        self.until = deadline

    def receive(self, deadline: float) -> bytes:
        return frame({"op": "done", "exit_code": 0}, b"")

    def close(self) -> None:
        """Nothing to free."""


def test_the_host_is_looked_at_only_for_frames_that_may_take_long(
    quiet: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressure(tmp_path, 90, 0)
    sandbox = sandbox_that_says(b"")
    sandbox._exchange._stream = stream = _Listens()
    sandbox.execute("true" * 100_000, timeout=10)
    assert stream.until > time.monotonic() + 200  # seconds that a busy host may need
    monkeypatch.setattr(verdict, "_PRESSURE", None)  # reading it would fail
    sandbox.execute("true", timeout=10)
    with pytest.raises(TypeError):
        sandbox.execute("true" * 100_000, timeout=10)


def test_nobody_waits_for_what_will_never_answer(quiet: None, tmp_path: Path) -> None:
    pressure(tmp_path, 90, 0)
    sandbox = sandbox_that_says(b"")
    exchange = sandbox._exchange
    exchange._stream, exchange._evidence = _Late(), lambda ended: Evidence(supervised=False)
    with pytest.raises(SandboxCrashed, match="is gone or does not answer"):
        sandbox.execute("true", timeout=0)


# ------------------------------------------------------------------------------ the real things


@pytest.fixture
def box(isolating_backend: str) -> Iterator[Sandbox]:
    with start(isolating_backend, SMALL) as sandbox:
        yield sandbox


def first_process(sandbox: Sandbox) -> int:
    """The runner's number on this machine."""
    marker = f"271828{uuid.uuid4().int % 10**9}"
    sandbox.execute(f"sleep {marker} &", timeout=20)
    assert eventually(lambda: len(sleepers(marker)) == 1)
    return parent_of(sleepers(marker)[0])  # an orphan's parent is its sandbox's first process


def failure(sandbox: Sandbox) -> SandboxCrashed:
    with pytest.raises(SandboxCrashed) as caught:
        sandbox.execute("true", timeout=1)
    return caught.value


def test_a_sandbox_that_is_killed_from_outside(box: Sandbox) -> None:
    os.kill(first_process(box), signal.SIGKILL)
    error = failure(box)
    assert not isinstance(error, SandboxEnded)
    assert (error.kind, "killed from outside" in str(error)) == ("sandbox_died", True)


def test_a_sandbox_that_is_stopped_from_outside(
    box: Sandbox, isolating_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_client, "_GRACE_SECONDS", 0.5)
    runner = first_process(box)
    if isolating_backend == "docker":
        running = connect().containers.list()
        next(each for each in running if each.attrs["State"]["Pid"] == runner).pause()
    else:
        os.kill(runner, signal.SIGSTOP)
    error = failure(box)
    assert not isinstance(error, SandboxEnded)
    assert error.kind == "sandbox_silent"


def test_the_same_is_said_ever_after() -> None:
    box = sandbox_that_says(frame({}))
    for _ in range(3):
        with pytest.raises(SandboxEnded, match="unknown frame"):
            box.execute("true", timeout=1)
    box.close()
    with pytest.raises(SandboxEnded, match="unknown frame"):
        box.list_files()


def test_a_launcher_that_is_killed() -> None:
    with start("bubblewrap", SMALL) as box:
        launcher = current_launcher().pid
        os.kill(launcher, signal.SIGKILL)
        os.waitid(os.P_PID, launcher, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(SandboxCrashed):
            box.execute("sleep 30", timeout=30)  # the kernel ends the sandbox a moment later
            pytest.fail("the sandbox outlived its launcher")
        error = failure(box)
        assert not isinstance(error, SandboxEnded)
        assert error.kind == "sandbox_died"


NO_DESCRIPTORS = "python3 -I -S -c 'import resource as r; r.prlimit(1, r.RLIMIT_NOFILE, (0, 0))'"


@pytest.mark.bubblewrap
def test_a_way_that_no_defence_stops_is_the_agents_doing() -> None:
    """As if somebody had found one: here the filter that stops it is off."""
    with weakened("without filter"), start("bubblewrap", SMALL) as box:

        def attack() -> None:
            for command in (NO_DESCRIPTORS, "true"):  # it may end at once or with the next command
                box.execute(command, timeout=5)

        with pytest.raises(SandboxEnded):
            attack()

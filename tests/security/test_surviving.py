"""Surviving the end of an episode, or of the host that ran it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from mle_gym.sandbox import SandboxConfig
from tests.sandbox.conftest import eventually, processes_with, start
from tests.security.arena import Arena

DOUBLE_FORK = """python3 -I -S -c '
import os, signal, sys
for number in range(1, 32):
    if number not in (9, 19):
        signal.signal(number, signal.SIG_IGN)
for _ in range(2):
    if os.fork():
        os._exit(0)
    os.setsid()
os.closerange(0, 100)
os.execvp("sleep", ["sleep", "{marker}"])
'"""

RESPAWN = """python3 -I -S -c '
import os, time
# Another number and another session each time: who kills what a list names comes too late.
while os.path.exists("/proc/{keeper}") and os.fork() == 0:
    os.setsid()
    time.sleep(0.002)
' {marker} >/dev/null 2>&1 &"""

WAYS = {
    "in the background": "sleep {marker} & disown",
    "nohup": "nohup sleep {marker} >/dev/null 2>&1 &",
    "a session of its own": "setsid sleep {marker} >/dev/null 2>&1 </dev/null &",
    "ignoring signals": "(trap '' TERM HUP INT; exec sleep {marker}) &",
    "a daemon": DOUBLE_FORK,
    "starting again and again": RESPAWN,
    "stopped": "setsid sleep {marker} & sleep 0.1; kill -STOP $!",
    "a job for later": "(sleep 0.2; exec setsid sleep {marker}) >/dev/null 2>&1 &",
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


def fill_in(way: str, marker: str, keeper: int = 1) -> str:
    """Processes carry the marker; the one that starts again and again ends with the keeper."""
    return way.replace("{marker}", marker).replace("{keeper}", str(keeper))


def new_marker() -> str:
    return f"141421{uuid.uuid4().int % 10**9}"


@pytest.fixture
def episode(isolating_backend: str) -> Arena:
    arena = Arena(isolating_backend, {}, limits={"processes": 60})
    yield arena
    arena.close()


def test_nothing_outlives_its_episode(episode: Arena) -> None:
    markers = [new_marker() for _ in WAYS]
    for way, marker in zip(WAYS.values(), markers, strict=True):
        episode.run(fill_in(way, marker))
        assert eventually(lambda marker=marker: bool(processes_with(marker)))
    episode.close()
    assert eventually(lambda: not any(map(processes_with, markers)))


@pytest.mark.bubblewrap
def test_a_warm_program_that_stops_its_group_stops_nothing_outside() -> None:
    """A stopped keeper, which is in no sandbox's process namespace, would hold its mounts."""
    marker = new_marker()
    with start("bubblewrap", SandboxConfig()) as sandbox:
        if not eventually(lambda: not sandbox.execute("python -c 0", timeout=60).cold):
            pytest.skip("Python is not warm here")
        stops = f"python -c 'import os; os.kill(0, 19)' {marker} >/dev/null 2>&1 &"
        sandbox.execute(stops, timeout=60)
        assert eventually(lambda: bool(parents_of_stopped(marker)))
        keepers = parents_of_stopped(marker)
        assert not any(state_and_parent(pid)[:1] == ["T"] for pid in keepers)
    assert eventually(lambda: not any(map(state_and_parent, keepers)))


def parents_of_stopped(marker: str) -> list[int]:
    """The parents of stopped processes whose command line holds the marker."""
    found = [state_and_parent(pid) for pid in processes_with(marker)]
    return [int(fields[1]) for fields in found if fields[:1] == ["T"]]


def state_and_parent(pid: int) -> list[str]:
    """A process's state and its parent's pid; empty if it is gone or dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    fields = stat.rpartition(")")[2].split()[:2]
    return [] if fields[0] in "ZX" else fields


@ways
def test_it_would_outlive_a_plain_process(way: str) -> None:
    marker = new_marker()
    with subprocess.Popen(["sleep", "600"]) as keeper:
        try:
            shell = subprocess.Popen(
                ["bash", "-c", fill_in(way, marker, keeper.pid).replace("python3", sys.executable)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            shell.wait(20)
            assert eventually(lambda: bool(processes_with(marker)))
        finally:
            keeper.kill()
            keeper.wait()
            assert eventually(lambda: not kill_all_with(marker))


def kill_all_with(marker: str) -> list[int]:
    """What there was to kill; a process that always starts again ends with its keeper instead."""
    found = processes_with(marker)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


@pytest.mark.parametrize("name", ["a daemon", "starting again and again", "ignoring signals"])
def test_nothing_outlives_the_timeout_of_its_command(episode: Arena, name: str) -> None:
    marker = new_marker()
    episode.run(fill_in(WAYS[name], marker) + "\nsleep 60", timeout=0.7)
    assert eventually(lambda: not processes_with(marker))
    assert episode.run("echo alive") == "alive\n"

"""Snapshots on the host's disk: how long they stay, and what is left of a process that is gone."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mle_gym.errors import SnapshotError
from mle_gym.sandbox.snapshots.store import Store, current_store
from tests.sandbox.conftest import (
    MakeSandbox,
    eventually,
    processes_with,
)
from tests.sandbox.snapshots.conftest import Continue, remaining, run


def test_deleted_snapshots_go_when_nothing_needs_them(
    make_sandbox: MakeSandbox, resume: Continue
) -> None:
    store = current_store()
    box = make_sandbox()
    run(box, "echo 1 > f")
    first = box.snapshot()
    again = resume(first)
    run(again, "echo 2 > g")
    second = again.snapshot()
    store.delete(first)
    with pytest.raises(SnapshotError, match="deleted"):
        store.lease(first)
    assert run(again, "cat f") == "1\n"
    box.close()
    again.close()
    assert run(resume(second), "cat f g") == "1\n2\n"
    assert {first, second} <= remaining(store)
    store.delete(second)
    store.delete(second)
    for lease in list(store._leases):
        if lease.name == second:
            lease.release()
    assert not {first, second} & remaining(store)


@pytest.mark.slow("it takes many snapshots")
def test_disk_is_bounded_and_the_least_used_go_first(
    own_cache: Path, make_sandbox: MakeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLE_GYM_SNAPSHOTS_MB", "10")
    names = []
    for _ in range(5):
        with make_sandbox() as box:
            run(box, "head -c 3M /dev/urandom > f")
            names.append(box.snapshot())
        if len(names) == 3:
            current_store().lease(names[0]).release()
    store = current_store()
    assert remaining(store) == {names[0], names[3], names[4]}
    assert store.used() < 10 << 20
    with make_sandbox() as box:
        run(box, "head -c 11M /dev/urandom > f")
        with pytest.raises(SnapshotError, match="MLE_GYM_SNAPSHOTS_MB"):
            box.snapshot()
        run(box, "rm f")
        box.snapshot()
    assert store.used() < 10 << 20


PROCESS = """
import os, signal, sys, warnings
from mle_gym.sandbox import SandboxConfig, create
from mle_gym.sandbox.snapshots.store import current_store
warnings.simplefilter("ignore")
box = create(sys.argv[1], SandboxConfig())
box.execute("echo hello > f", timeout=9)
name = box.snapshot()
if sys.argv[2] != "drop":
    current_store().keep(name)
print(name, flush=True)
if sys.argv[3] == "killed":
    box.execute("setsid sleep 98761 &", timeout=9)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["exit", "killed"])
@pytest.mark.parametrize("fate", ["drop", "keep"])
@pytest.mark.slow("it starts and kills hosts")
def test_only_what_was_kept_outlives_its_process(
    own_cache: Path, backend: str, resume: Continue, end: str, fate: str
) -> None:
    program = [sys.executable, "-c", textwrap.dedent(PROCESS), backend, fate, end]
    output = subprocess.run(program, capture_output=True, text=True, cwd=Path.cwd()).stdout
    name = output.strip()
    store = Store(own_cache / "snapshots")
    if fate == "keep":
        assert run(resume(name), "cat f") == "hello\n"
    else:
        assert remaining(store) == set()
        assert store.used() == 0


@pytest.mark.slow("it starts and kills a host")
def test_a_killed_host_leaves_no_mount_or_process(own_cache: Path, isolating_backend: str) -> None:
    program = [sys.executable, "-c", textwrap.dedent(PROCESS), isolating_backend, "drop", "killed"]
    subprocess.run(program, capture_output=True, text=True, cwd=Path.cwd())
    assert eventually(lambda: not processes_with("98761"))
    assert str(own_cache) not in Path("/proc/self/mountinfo").read_text()


def test_a_damaged_snapshot_is_an_error(
    make_sandbox: MakeSandbox, resume: Continue, backend: str
) -> None:
    box = make_sandbox()
    run(box, "echo 1 > f; echo 2 > g")
    name = box.snapshot()
    folder = current_store().folder / name
    (folder / "tree" / "g").write_text("longer")
    (folder / "tree" / "f").unlink()
    if backend == "bubblewrap":
        (folder / "tree" / "g").unlink()
    with pytest.raises(SnapshotError, match="damaged"):
        resume(name)
    (folder / "info.json").write_text("{")
    with pytest.raises(SnapshotError, match="damaged"):
        resume(name)
    with pytest.raises(SnapshotError, match="deleted"):
        resume("0123456789abcdef")


def test_bubblewrap_mounts_instead_of_copying(
    resume: Continue, make_sandbox: MakeSandbox, backend: str
) -> None:
    if backend != "bubblewrap":
        pytest.skip("only bubblewrap mounts")
    box = make_sandbox()
    run(box, "echo 1 > f")
    assert " /workspace overlay " in run(resume(box.snapshot()), "cat /proc/mounts")

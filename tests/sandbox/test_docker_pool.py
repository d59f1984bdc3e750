"""Containers that are started ahead: who gets them, how many there are, and how they end."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mle_gym.sandbox import Limits, Mount, Sandbox, SandboxConfig
from mle_gym.sandbox.docker import backend as backend_module
from mle_gym.sandbox.docker.backend import DockerBackend
from mle_gym.sandbox.docker.container import Container
from mle_gym.sandbox.docker.container_settings import container_key, container_settings
from mle_gym.sandbox.docker.daemon import connect
from mle_gym.sandbox.docker.pool import AHEAD_VARIABLE, MOST_WAITING, Pool, containers_ahead
from tests.sandbox.conftest import eventually
from tests.sandbox.test_docker import containers_of


class Box:
    """Replaces a container in tests of the pool's own decisions."""

    def __init__(self) -> None:
        self.open = self.untouched = True

    def abandon(self) -> None:
        raise AssertionError("nobody forked")

    def discard(self) -> None:
        self.open = self.untouched = False

    close = discard


@pytest.fixture
def boxes() -> list[Box]:
    """Every container that was started."""
    return []


@pytest.fixture
def pool() -> Iterator[Pool[Box]]:
    pool: Pool[Box] = Pool()
    yield pool
    pool.close()


def take(pool: Pool[Box], boxes: list[Box], key: str = "k", ahead: int = 1) -> tuple[Box, bool]:
    def start() -> Box:
        boxes.append(Box())
        return boxes[-1]

    return pool.take(key, start, ahead)


def use_again(pool: Pool[Box], boxes: list[Box], key: str = "k", ahead: int = 1) -> Box:
    """Two episodes, one after the other. Returns the second one's container."""
    take(pool, boxes, key, ahead)[0].close()
    return take(pool, boxes, key, ahead)[0]


# ---------------------------------------------------------------------------------- whom they serve


def test_nothing_is_started_ahead_for_many_at_once(pool: Pool[Box], boxes: list[Box]) -> None:
    for _ in range(8):
        assert take(pool, boxes)[1] is False
    assert (len(boxes), pool.waiting()) == (8, 0)


def test_who_comes_again_finds_one(pool: Pool[Box], boxes: list[Box]) -> None:
    use_again(pool, boxes).close()
    assert pool.waiting() == 1
    assert take(pool, boxes)[1] is True
    assert pool.waiting() == 1


def test_kinds_are_not_mixed(pool: Pool[Box], boxes: list[Box]) -> None:
    use_again(pool, boxes, "small")
    assert take(pool, boxes, "large")[1] is False
    assert take(pool, boxes, "small")[1] is True


def test_none_ahead_means_none(pool: Pool[Box], boxes: list[Box]) -> None:
    use_again(pool, boxes, ahead=0).close()
    assert take(pool, boxes, ahead=0)[1] is False
    assert pool.waiting() == 0


def test_none_is_given_twice(pool: Pool[Box], boxes: list[Box]) -> None:
    use_again(pool, boxes, ahead=3)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: take(pool, boxes, ahead=3)[0], range(200)))
    assert len({id(box) for box in found}) == 200
    assert all(box.untouched for box in found)


def test_one_that_died_meanwhile_is_not_given(pool: Pool[Box], boxes: list[Box]) -> None:
    used = use_again(pool, boxes)
    assert eventually(lambda: len(boxes) == 3)
    (waiting,) = (box for box in boxes if box.open and box is not used)
    waiting.untouched = False
    box, _ = take(pool, boxes)
    assert box.untouched
    assert not waiting.open


def test_a_failure_meanwhile_is_told_to_who_asks(pool: Pool[Box], boxes: list[Box]) -> None:
    use_again(pool, boxes)

    def fail() -> Box:
        raise OSError("no room")

    pool.take("k", fail, 1)  # the one that waits; the next one's start fails
    with pytest.raises(OSError, match="no room"):
        pool.take("k", fail, 1)
    assert take(pool, boxes)[0].untouched


# ------------------------------------------------------------------------------------ how many


def test_all_kinds_together_are_bounded(pool: Pool[Box], boxes: list[Box]) -> None:
    used = [use_again(pool, boxes, str(kind)) for kind in range(MOST_WAITING + 5)]
    assert pool.waiting() == MOST_WAITING
    assert eventually(lambda: sum(box.open for box in boxes) == MOST_WAITING + len(used))
    assert take(pool, boxes, "0")[1] is False
    assert take(pool, boxes, str(MOST_WAITING + 4))[1] is True


def test_kinds_that_never_come_again_are_forgotten(pool: Pool[Box], boxes: list[Box]) -> None:
    for kind in range(1000):
        take(pool, boxes, str(kind))[0].close()
    assert len(pool._kinds) < 100


def test_closing_waits_for_what_is_being_started(boxes: list[Box]) -> None:
    pool: Pool[Box] = Pool()
    use_again(pool, boxes)
    go = threading.Event()

    def start_slowly() -> Box:
        go.wait(10)
        boxes.append(Box())
        return boxes[-1]

    pool.take("k", start_slowly, 1)
    closing = threading.Thread(target=pool.close)
    closing.start()
    go.set()
    closing.join()
    assert not boxes[-1].open
    assert pool.waiting() == 0


@pytest.mark.parametrize(("text", "number"), [("", 1), ("0", 0), ("3", 3)])
def test_the_variable_says_how_many(
    monkeypatch: pytest.MonkeyPatch, text: str, number: int
) -> None:
    monkeypatch.setenv(AHEAD_VARIABLE, text)
    assert containers_ahead() == number


@pytest.mark.parametrize("text", ["-1", "many", "1.5", str(MOST_WAITING + 1)])
def test_what_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(AHEAD_VARIABLE, text)
    with pytest.raises(ValueError, match=f"{AHEAD_VARIABLE}='{text}'.*from 0 to"):
        containers_ahead()


# -------------------------------------------------------------------------------- real containers


@pytest.fixture
def real(docker_host: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool[Container]]:
    """The backend's pool, with one container waiting for the default configuration."""
    monkeypatch.setenv(AHEAD_VARIABLE, "1")
    pool: Pool[Container] = Pool()
    monkeypatch.setattr(backend_module, "_pool", pool)
    create().close()
    create().close()
    assert eventually(lambda: len(running()) == 1)
    yield pool
    pool.close()
    assert not running()


def create(**options: object) -> Sandbox:
    config = SandboxConfig(preload=())  # whose zygote is up at once
    return DockerBackend().create(dataclasses.replace(config, **options))  # type: ignore[arg-type]


def running() -> set[str]:
    return {c["Id"] for c in containers_of(os.getpid()) if c["State"] == "running"}


@pytest.mark.docker
def test_a_sandbox_from_the_pool_is_new_and_configured(real: Pool[Container]) -> None:
    (waiting,) = running()
    with create(environment=(("MARK", "mine"),)) as sandbox:
        ours = connect().api.inspect_container(waiting)["State"]["Pid"]
        sandbox.execute("sleep 100 &", timeout=9)
        assert any(
            f"/{waiting}" in Path(f"/proc/{child}/cgroup").read_text()
            for child in Path(f"/proc/{ours}/task/{ours}/children").read_text().split()
        )
        output = sandbox.execute("echo $MARK; ls -A /workspace /tmp", timeout=9).output
        assert output == b"mine\n/tmp:\n\n/workspace:\n"


@pytest.mark.docker
def test_a_waiting_container_that_was_removed_is_not_used(real: Pool[Container]) -> None:
    (waiting,) = running()
    connect().api.remove_container(waiting, force=True)
    with create() as sandbox:
        assert sandbox.execute("echo fine", timeout=9).output == b"fine\n"


@pytest.mark.docker
def test_discarding_ends_the_processes_and_then_the_container(real: Pool[Container]) -> None:
    sandbox = create(limits=Limits(memory_mb=500))
    before = running()
    sandbox.execute("setsid sleep 1000 &", timeout=9)
    sandbox.discard()
    sandbox.discard()
    sandbox.close()
    assert eventually(lambda: len(containers_of(os.getpid())) == len(before) - 1)


@pytest.mark.docker
def test_what_a_container_is_made_of_tells_kinds_apart(docker_host: str, tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    data.mkdir()
    other.mkdir()
    base = SandboxConfig(mounts=(Mount(data, "data"),))
    limits = [Limits(memory_mb=100), Limits(cpus=0.5), Limits(processes=9), Limits(disk_mb=9)]
    different = [
        base,
        *(dataclasses.replace(base, limits=each) for each in limits),
        dataclasses.replace(base, network=True),
        dataclasses.replace(base, gpus=("0",)),
        dataclasses.replace(base, hidden=("sklearn/datasets/data/iris.csv",)),
        dataclasses.replace(base, mounts=(Mount(other, "data"),)),
        dataclasses.replace(base, mounts=(Mount(data, "more"),)),
    ]
    assert len({key(config) for config in different}) == len(different)
    same = [
        dataclasses.replace(base, environment=(("A", "1"),)),
        dataclasses.replace(base, preload=("numpy",)),
        dataclasses.replace(base, limits=Limits(output_bytes=9)),
    ]
    before = key(base)
    assert {key(config) for config in same} == {before}
    data.rename(tmp_path / "old")
    data.mkdir()
    assert key(base) != before


def key(config: SandboxConfig) -> str:
    image = backend_module._image(connect(), config)
    settings = container_settings(config, connect(), image.installation, image.masks)
    return container_key(connect(), image.id, settings)


# ------------------------------------------------------------------------------------ how they end

_HOST = """
import os, signal, sys, time
from mle_gym.sandbox import SandboxConfig
from mle_gym.sandbox.docker import backend
create = lambda: backend.DockerBackend().create(SandboxConfig(preload=()))
create().close()
sandbox = create()
if sys.argv[1] != "starting":
    while not all(future.done() for kind in backend._pool._kinds.values() for future in kind.ready):
        time.sleep(0.01)
print(os.getpid(), backend._pool.waiting(), flush=True)
if sys.argv[1] == "forked":
    if os.fork() == 0:
        print("child", backend._pool.waiting(), flush=True)
        os._exit(0)
    os.wait()
    again = create()
    print("parent", again.execute("echo fine", timeout=9).output, flush=True)
    again.close()
sandbox.close()
if sys.argv[1] in ("signal", "interrupt"):
    signal.pause()
"""


@contextlib.contextmanager
def play_host(how: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A process with a waiting container, and its pid; waited for unless the test failed."""
    command = [sys.executable, "-W", "ignore", "-c", _HOST, how]
    environment = os.environ | {AHEAD_VARIABLE: "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as host:
        try:
            assert host.stdout is not None
            pid, waiting = host.stdout.readline().split()
            assert waiting == "1"
            yield int(pid), host
        except BaseException:
            host.kill()
            raise


@pytest.mark.docker
@pytest.mark.parametrize("how", ["exit", "starting", "interrupt"])
def test_a_process_that_ends_takes_its_containers_along(docker_host: str, how: str) -> None:
    with play_host(how) as (pid, host):
        if how == "interrupt":
            assert eventually(lambda: len(containers_of(pid)) == 1)
            host.send_signal(signal.SIGINT)
    assert not containers_of(pid)


@pytest.mark.docker
def test_a_process_that_is_killed_leaves_no_container(docker_host: str) -> None:
    with play_host("signal") as (pid, host):
        assert eventually(lambda: [c["State"] for c in containers_of(pid)] == ["running"])
        host.kill()
    assert eventually(lambda: not containers_of(pid))


@pytest.mark.docker
def test_a_fork_leaves_the_parents_containers_alone(docker_host: str) -> None:
    with play_host("forked") as (pid, host):
        assert host.stdout is not None
        assert host.stdout.read() == "child 0\nparent b'fine\\n'\n"
    assert host.returncode == 0
    assert not containers_of(pid)

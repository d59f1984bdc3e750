"""Sandboxes that are started ahead: who gets one, and what is left of them."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mle_gym.sandbox import Limits, Mount, Sandbox, SandboxConfig
from mle_gym.sandbox.bubblewrap import backend as bubblewrap
from mle_gym.sandbox.bubblewrap.launcher_client import current_launcher
from mle_gym.sandbox.spares import MOST, Client, Spares, current_spares
from tests.sandbox.conftest import PATIENCE, start


class Box:
    """Stands for a sandbox."""

    def __init__(self) -> None:
        self.closed = False

    def claim(self, sources: Sequence[str]) -> bool:
        return not self.closed

    def close(self) -> None:
        self.closed = True


def test_the_second_sandbox_of_a_client_has_the_third_started() -> None:
    spares: Spares[Box] = Spares()
    client = Client()
    spares.prepare("kind", client, Box)
    assert spares.take("kind") is None
    spares.prepare("kind", client, Box)
    assert spares.take("other kind") is None
    assert isinstance(spares.take("kind"), Box)
    assert spares.take("kind") is None


def test_spares_are_bounded_by_clients_processors_and_altogether() -> None:
    spares: Spares[Box] = Spares()
    client = Client()
    for _ in range(5):
        spares.prepare("kind", client, Box)
    assert len(spares.waiting()) == 1
    others = [Client() for _ in range(4 * MOST)]
    for _ in range(3):
        for number, other in enumerate(others):
            spares.prepare(number % (2 * MOST), other, Box)
    assert len(spares.waiting()) == MOST


def test_spares_end_with_the_last_client_of_their_kind() -> None:
    spares: Spares[Box] = Spares()
    one, two = Client(), Client()
    for client in (one, two, one):
        spares.prepare("kind", client, Box)
    (box,) = spares.waiting()
    spares.leave(one)
    assert not box.closed
    spares.prepare("other kind", two, Box)  # with other settings
    assert box.closed
    assert spares.waiting() == []


def test_a_client_that_nobody_holds_is_none() -> None:
    spares: Spares[Box] = Spares()
    spares.prepare("kind", Client(), Box)
    gc.collect()
    keeper = Client()
    spares.prepare("kind", keeper, Box)
    assert spares.waiting() == []


def test_nothing_is_started_for_a_client_that_has_left_meanwhile() -> None:
    spares: Spares[Box] = Spares()
    client = Client()
    spares.prepare("kind", client, Box)
    asked = client.left
    spares.leave(client)
    for _ in range(2):
        spares.prepare("kind", client, Box, asked)
    assert spares.waiting() == []
    for _ in range(2):
        spares.prepare("kind", client, Box, client.left)
    assert len(spares.waiting()) == 1


def broken() -> Box:
    raise OSError


def test_a_spare_that_cannot_be_started_is_no_error() -> None:
    spares: Spares[Box] = Spares()
    client = Client()
    for _ in range(2):
        spares.prepare("kind", client, broken)
    assert spares.waiting() == []


# --------------------------------------------------------------------------------- with bubblewrap


@pytest.fixture
def open_next(tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """Opens a sandbox like the last one, with other data, when the spare is ready."""
    client = Client()
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: current_spares().leave(client))
        numbers = iter(range(100))

        def open_one(**options: object) -> Sandbox:
            data = tmp_path / str(next(numbers))
            data.mkdir()
            (data / "name").write_text(data.name)
            mounts = (Mount(data, "data"),)
            config = SandboxConfig(mounts=mounts, warm=False, client=client)
            return stack.enter_context(start("bubblewrap", replace(config, **options)))  # type: ignore[arg-type]

        yield open_one


def wait_for_spare() -> None:
    until(lambda: len(current_spares().waiting()) == 1)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def said(sandbox: Sandbox, command: str) -> str:
    return sandbox.execute(command, timeout=PATIENCE).output.decode()


def mounts() -> int:
    return Path(f"/proc/{current_launcher().pid}/mountinfo").read_text().count("\n")


@pytest.mark.bubblewrap
def test_a_spare_shows_the_next_episodes_data_and_nothing_is_left(
    open_next: Callable[..., Sandbox],
) -> None:
    open_next().close()
    open_next().close()
    wait_for_spare()
    before = mounts() - 1  # the spare has a place
    (spare,) = current_spares().waiting()
    sandbox = open_next()
    assert spare not in current_spares().waiting()
    assert said(sandbox, "cat data/name") == "2"
    assert "Read-only file system" in said(sandbox, "touch data/x 2>&1")
    flags = said(sandbox, "grep ' /workspace/data ' /proc/self/mountinfo | tail -1").split()[5]
    assert {"ro", "nosuid", "nodev"} <= set(flags.split(","))
    sandbox.close()
    wait_for_spare()
    (unused,) = current_spares().waiting()
    (client,) = current_spares()._kinds[-1].clients
    current_spares().leave(client)
    assert current_spares().waiting() == []
    assert current_launcher().call({"op": "examine", "id": unused._id}) == {}
    until(lambda: mounts() <= before)
    assert not list(Path(f"/proc/{current_launcher().pid}/root/srv/late").glob("*"))


@pytest.mark.bubblewrap
def test_a_spare_that_died_is_replaced(open_next: Callable[..., Sandbox]) -> None:
    open_next().close()
    open_next().close()
    wait_for_spare()
    os.kill(current_spares().waiting()[0]._id, signal.SIGKILL)
    assert said(open_next(), "cat data/name") == "2"


@pytest.mark.bubblewrap
def test_other_limits_are_another_kind(open_next: Callable[..., Sandbox]) -> None:
    open_next().close()
    open_next().close()
    wait_for_spare()
    (spare,) = current_spares().waiting()
    sandbox = open_next(limits=Limits(disk_mb=64))
    assert said(sandbox, "df -m . | tail -1").split()[1] == "64"
    until(lambda: spare not in current_spares().waiting())


@pytest.mark.bubblewrap
def test_a_spare_ends_if_nobody_wants_it_for_long(
    open_next: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bubblewrap, "_IDLE_SECONDS", 0.1)
    open_next().close()
    open_next().close()
    wait_for_spare()
    (spare,) = current_spares().waiting()
    until(lambda: current_launcher().call({"op": "examine", "id": spare._id}) == {})
    assert said(open_next(), "cat data/name") == "2"

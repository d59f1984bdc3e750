"""The checks pass for what is sound, and name what is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mle_gym.errors import SandboxUnavailable
from mle_gym.paths import bundled
from mle_gym.sandbox import Sandbox, SandboxConfig, Shown, get_backend
from mle_gym.testing import check_agent, check_sandbox, check_task
from tests.sandbox.docker_daemon import require


class Forgetful:
    """A backend whose sandboxes are started anew without what they are asked for."""

    name = "forgetful"

    def check(self) -> None:
        get_backend("bubblewrap").check()

    def shown(self, config: SandboxConfig) -> Shown:
        return Shown()

    def create(self, config: SandboxConfig) -> Sandbox:
        return get_backend("bubblewrap").create(SandboxConfig(limits=config.limits))


@pytest.fixture(autouse=True)
def _bubblewrap() -> None:
    try:
        get_backend("bubblewrap").check()
    except SandboxUnavailable as error:
        require("bubblewrap", str(error))


@pytest.mark.filterwarnings("ignore:sandbox='subprocess'")
@pytest.mark.parametrize(
    "name",
    ["bubblewrap", pytest.param("subprocess", marks=pytest.mark.slow("the same promises"))],
)
def test_our_backends_keep_every_promise(name: str) -> None:
    check_sandbox(name)


def test_broken_promises_are_named() -> None:
    with pytest.raises(AssertionError) as caught:
        check_sandbox(Forgetful())
    lines = str(caught.value).splitlines()
    assert lines[0] == "forgetful breaks promises:"
    broken = {line.split(":")[0] for line in lines[1:]}
    assert {
        "mounts_are_shown_and_the_hosts_files_stay",
        "offered_commands_hand_over_and_are_answered",
    } <= broken
    assert "commands_give_output_and_exit_code" not in broken


def test_a_task_without_its_description_is_not_sound(tmp_path: Path) -> None:
    folder = tmp_path / "wine"
    shutil.copytree(bundled("envs") / "wine", folder)
    check_task(folder, run_programs=False)
    (folder / "description.md").unlink()
    with pytest.raises(AssertionError, match=r"description\.md"):
        check_task(folder, run_programs=False)


class Idle:
    """An agent that hands in nothing."""

    def reset(self, observation: object, info: object) -> None:
        pass

    def act(self, observation: object, info: object) -> str:
        return "submit data/none.csv; true"


def test_an_agent_must_hand_in_something_valid() -> None:
    played = check_agent("baseline", task="wine")
    assert played.grade is not None
    with pytest.raises(AssertionError, match="nothing valid"):
        check_agent(Idle(), task="wine", max_steps=2)

"""TorchRL plays our environments. ``scripts/test-training`` installs it."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import pytest

import mle_gym
from mle_gym.wrappers import CommandMenu, TextFeatures
from tests.sandbox.docker_daemon import require

pytestmark = [
    pytest.mark.bubblewrap,
    pytest.mark.slow("it imports TorchRL"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(autouse=True)
def _with_torchrl() -> None:
    if importlib.util.find_spec("torchrl") is None:
        require("torchrl", "TorchRL is not installed; scripts/test-training installs it")


def wrapped(env: Any) -> Any:
    from torchrl.envs import GymWrapper

    return GymWrapper(env, categorical_action_encoding=True)


def test_texts_and_shell_scripts_go_through() -> None:
    importlib.import_module("mle_gym.integrations.torchrl_specs")
    env = wrapped(mle_gym.make("zoo", sandbox="bubblewrap", warm=False))
    data = env.reset(seed=0)
    assert data["output"].startswith("# Zoo")
    data["action"] = "echo one; exit 3"
    after = env.step(data)["next"]
    assert after["output"] == "one\n"
    assert int(after["exit_code"]) == 3
    env.close()


def test_a_menu_and_features_need_nothing_else() -> None:
    inner = mle_gym.make("zoo", sandbox="bubblewrap", warm=False, max_steps=2)
    env = wrapped(TextFeatures(CommandMenu(inner, ["true", "false"]), 16))
    steps = env.rollout(5)
    assert steps["observation"].shape == (2, 18)
    assert bool(steps["next", "truncated"][-1])
    env.close()

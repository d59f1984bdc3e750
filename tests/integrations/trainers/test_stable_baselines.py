"""Stable-Baselines3 plays and learns on our environments. ``scripts/test-training`` installs it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mle_gym
from mle_gym.episode.failures import Failure
from mle_gym.errors import SandboxCrashed
from mle_gym.sandbox.runner_client import RunnerSandbox
from mle_gym.wrappers import CommandMenu, EncodedText, HashedWords, TextFeatures
from tests.sandbox.docker_daemon import require

pytestmark = [
    pytest.mark.bubblewrap,
    pytest.mark.slow("it trains with Stable-Baselines3"),
    pytest.mark.filterwarnings("ignore"),
]
MENU: list[Any] = ["true", "cp data/sample_submission.csv submission.csv; submit"]
MakeEnvs = Callable[..., Any]


@pytest.fixture(autouse=True)
def _with_stable_baselines() -> None:
    if importlib.util.find_spec("sb3_contrib") is None:
        require("sb3", "Stable-Baselines3 is not installed; scripts/test-training installs it")


@pytest.fixture
def make_envs() -> Iterator[MakeEnvs]:
    made: list[Any] = []

    def make_some(wrappers: list[Any], **arguments: Any) -> Any:
        from mle_gym.integrations.stable_baselines import StableBaselinesVecEnv

        settings: dict[str, Any] = {"max_steps": 3, "autoreset_mode": "same_step", **arguments}
        envs = mle_gym.make_vec(
            "zoo", 2, sandbox="bubblewrap", warm=False, env_wrappers=wrappers, **settings
        )
        made.append(envs)
        return StableBaselinesVecEnv(envs)

    yield make_some
    for envs in made:
        envs.close()


def menu(env: Any) -> Any:
    return CommandMenu(env, MENU)


def features(env: Any) -> Any:
    return TextFeatures(env, 16)


def test_ppo_learns_to_submit(make_envs: MakeEnvs) -> None:
    from stable_baselines3 import PPO

    envs = make_envs([menu, features])
    model = PPO("MlpPolicy", envs, n_steps=16, batch_size=16, n_epochs=20, seed=1)
    model.learn(96)
    assert len(model.ep_info_buffer) > 10
    assert {episode["l"] for episode in model.ep_info_buffer} <= {1, 2, 3}
    observation = envs.reset()
    assert model.predict(observation, deterministic=True)[0].tolist() == [1, 1]


def test_a_dictionary_with_an_encoded_text_is_read_by_a_policy_of_several_inputs(
    make_envs: MakeEnvs,
) -> None:
    from stable_baselines3 import A2C

    envs = make_envs([menu, lambda env: EncodedText(env, HashedWords(8))])
    model = A2C("MultiInputPolicy", envs, n_steps=3, seed=1).learn(12)
    assert model.num_timesteps >= 12


def test_a_masked_command_is_never_chosen(make_envs: MakeEnvs) -> None:
    from sb3_contrib import MaskablePPO

    def only_submit_second(chosen: tuple[int, ...]) -> list[bool]:
        return [not chosen, bool(chosen)]

    envs = make_envs([lambda env: CommandMenu(env, MENU, only_submit_second), features])
    model = MaskablePPO("MlpPolicy", envs, n_steps=8, batch_size=8, seed=1).learn(16)
    assert {episode["l"] for episode in model.ep_info_buffer} == {2}
    assert [mask.tolist() for mask in envs.env_method("action_masks")] == [[True, False]] * 2


def test_an_episode_out_of_steps_has_ended_and_one_that_failed_was_cut_short(
    make_envs: MakeEnvs, monkeypatch: pytest.MonkeyPatch
) -> None:
    envs = make_envs([menu, features], max_steps=1)
    envs.seed(3)
    envs.reset()
    *_, rewards, dones, infos = envs.step(np.array([1, 0]))
    assert dones.all()
    assert [info["TimeLimit.truncated"] for info in infos] == [False, False]
    assert [info["episode"]["l"] for info in infos] == [1, 1]
    assert infos[0]["grade"]["valid"]
    assert infos[0]["episode"]["r"] == pytest.approx(rewards[0])

    def crash(*_: Any, **__: Any) -> None:
        raise SandboxCrashed("it crashed", kind="sandbox_died")

    with monkeypatch.context() as patch:
        patch.setattr(RunnerSandbox, "begin", crash)
        observation, _, dones, infos = envs.step(np.array([0, 0]))
    assert dones.all()
    for info in infos:
        assert info["TimeLimit.truncated"]
        assert "episode" not in info
        assert info["failure"]["kind"] == "sandbox_died"
        assert info["terminal_observation"].shape == observation[0].shape


def test_a_reset_that_failed_is_tried_again(
    make_envs: MakeEnvs, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mle_gym.vector.member import Member

    envs = make_envs([menu, features], max_steps=1)
    observation = envs.reset()

    def fail(self: Member) -> tuple[Any, dict[str, Any]]:
        failure = Failure.of(SandboxCrashed("it crashed"), "reset").to_dict()
        self.over, self.observation = True, np.zeros(18, np.float32)
        return self.observation, {"reward_valid": False, "failure": failure}

    with monkeypatch.context() as patch:
        patch.setattr(Member, "_autoreset", fail)
        again, *_ = envs.step(np.array([0, 0]))
    assert np.array_equal(again, observation)
    assert envs.step(np.array([0, 0]))[2].all()


def test_other_reset_modes_are_refused(make_envs: MakeEnvs, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="same_step"):
        make_envs([menu, features], autoreset_mode="next_step")

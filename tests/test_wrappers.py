from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import FlattenObservation

import mle_gym  # noqa: F401
from mle_gym.env import MLEEnv
from mle_gym.wrappers import CommandMenu, TextFeatures

SAMPLE = "cp data/sample_submission.csv submission.csv && submit"
MENU: list[Any] = ["ls data", {"tool": "list_files", "path": "data"}, SAMPLE]


@pytest.fixture
def env() -> Iterator[MLEEnv]:
    made = MLEEnv("titanic")
    yield made
    made.close()


def test_a_menu_performs_the_command_of_a_number(env: MLEEnv) -> None:
    menu = CommandMenu(env, MENU)
    assert menu.action_space == gymnasium.spaces.Discrete(3)
    menu.reset(seed=0)
    assert "train.csv" in menu.step(0)[0]["output"]
    assert "train.csv" in menu.step(np.int64(1))[0]["output"]
    assert menu.step(2)[2] is True


@pytest.mark.parametrize("action", [-1, 3, 0.5, "ls"])
def test_a_menu_refuses_what_is_not_on_it(env: MLEEnv, action: Any) -> None:
    menu = CommandMenu(env, MENU)
    menu.reset(seed=0)
    with pytest.raises(IndexError, match="3 commands"):
        menu.step(action)


@pytest.mark.parametrize(
    ("commands", "message"),
    [
        ([], "at least one"),
        ("ls", "must be a list"),
        (["ls", {"tool": "sel"}], r"commands\[1\]: no tool is called 'sel'"),
        ([3], r"commands\[0\]"),
    ],
)
def test_a_menu_of_nonsense_is_refused(env: MLEEnv, commands: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CommandMenu(env, commands)


def test_features_are_a_bounded_vector_of_the_observation(env: MLEEnv) -> None:
    wrapped = TextFeatures(env, features=32)
    first, _ = wrapped.reset(seed=0)
    after_failure = wrapped.step("exit 255")[0]
    for features in (first, after_failure):
        assert features in wrapped.observation_space
        assert features.dtype == np.float32
    assert np.linalg.norm(first[:32]) == pytest.approx(1, abs=1e-6)
    assert first[32:].tolist() == [0.0, 1.0]
    assert not after_failure[:32].any()
    steps = env.settings.max_steps
    assert after_failure[32:].tolist() == pytest.approx([1.0, (steps - 1) / steps])


def test_features_tell_texts_apart_and_equal_episodes_alike(env: MLEEnv) -> None:
    wrapped = TextFeatures(env)

    def play() -> list[np.ndarray[Any, Any]]:
        first, _ = wrapped.reset(seed=0)
        return [first, *(wrapped.step(f"echo {words}")[0] for words in ("a b", "b a", "c d"))]

    once, twice = play(), play()
    assert all(np.array_equal(a, b) for a, b in zip(once, twice, strict=True))
    assert np.array_equal(once[1][:-1], once[2][:-1])
    assert not np.array_equal(once[2][:-1], once[3][:-1])


def test_features_are_the_same_in_every_process() -> None:
    program = (
        "import mle_gym.env, mle_gym.wrappers, zlib\n"
        "env = mle_gym.wrappers.TextFeatures(mle_gym.env.MLEEnv('titanic'))\n"
        "o = {'output': 'some words, 3 of them', 'exit_code': 0, 'steps_left': 1}\n"
        "print(zlib.crc32(env.observation(o).tobytes()))\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


def test_features_need_the_right_observations() -> None:
    with pytest.raises(ValueError, match="observations of MLEEnv"):
        TextFeatures(gymnasium.make("CartPole-v1"))
    with pytest.raises(ValueError, match="at least 1, not 0"):
        TextFeatures(MLEEnv("titanic"), features=0)


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
def test_wrapped_environments_pass_gymnasium_s_checker() -> None:
    env = gymnasium.make("mle/titanic-v0", disable_env_checker=True)
    check_env(TextFeatures(CommandMenu(env, MENU), features=16))
    env.close()


def test_wrappers_survive_the_spec_s_round_trip() -> None:
    env = TextFeatures(CommandMenu(gymnasium.make("mle/titanic-v0"), MENU), features=16)
    assert env.spec is not None
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.observation_space == env.observation_space
    assert again.action_space == env.action_space
    assert again.spec == env.spec
    assert again.get_wrapper_attr("commands") == tuple(MENU)


def test_wrappers_work_in_the_default_vector_environment() -> None:
    envs = gymnasium.make_vec(
        "mle/titanic-v0",
        num_envs=2,
        env_wrappers=[partial(CommandMenu, commands=MENU), partial(TextFeatures, features=16)],
    )
    observations, _ = envs.reset(seed=0)
    assert observations.shape == (2, 18)
    assert observations in envs.observation_space
    observations, rewards, terminations, _, _ = envs.step(np.array([0, 2]))
    assert terminations.tolist() == [False, True]
    assert rewards[1] > 0
    envs.close()


def test_features_are_flat_already(env: MLEEnv) -> None:
    wrapped = FlattenObservation(TextFeatures(env, features=16))
    assert wrapped.observation_space.shape == (18,)

"""Gymnasium's conventions: those that a task could break for every task, the others for a few."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.wrappers import (
    RecordEpisodeStatistics,
    RecordVideo,
    TransformAction,
    TransformObservation,
    TransformReward,
)

import mle_gym  # noqa: F401
from mle_gym.tasks.catalog import ANY, load_task
from mle_gym.vector.thread_vector import ThreadVectorEnv
from tests.envs.hand_in import hand_in
from tests.tiers import few_quick
from tests.with_data import needs_data

IDS = sorted(
    env_id
    for env_id in gymnasium.registry
    if env_id.startswith("mle/") and env_id != ANY and load_task(env_id).data.loader != "kaggle"
)
"""Those whose data are here; ``test_competitions.py`` has made-up data for the others."""

QUICK = ("mle/titanic-v0", "mle/iris-pipeline-v0")
"""A table, and a program that is graded."""


def way_to_hand_in(env_id: str) -> tuple[Any, ...]:
    """What distinguishes tasks for the environment and what is around it."""
    spec = load_task(env_id).submission
    return spec.kind, spec.is_packed, bool(spec.columns), spec.code and spec.code.stream


OF_EACH_WAY = sorted({way_to_hand_in(env_id): env_id for env_id in (*IDS[::-1], *QUICK)}.values())
"""One task for each way to hand something in. Vector environments, wrappers and pictures see of a
task only its texts and numbers, so what they do with one task they do with all of its way."""

every_task = pytest.mark.parametrize("env_id", few_quick(IDS, QUICK, "it plays every task"))
some_tasks = pytest.mark.parametrize(
    "env_id", few_quick(OF_EACH_WAY, QUICK[:1], "it plays a task of each way to hand something in")
)


@pytest.fixture(autouse=True)
def data(env_id: str) -> None:
    """What every test here needs."""
    needs_data(env_id)


def timeless(step: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values that ``reset`` or ``step`` returned, without the clocks."""
    observation, *rest, info = step
    observation = {name: value for name, value in observation.items() if name != "seconds_left"}
    return observation, *rest, {name: info[name] for name in info if name != "execution"}


@every_task
def test_gymnasium_s_checker_passes_in_every_render_mode(env_id: str) -> None:
    env = gymnasium.make(env_id)
    check_env(env.unwrapped)
    env.close()


@every_task
def test_equal_seeds_and_actions_give_equal_episodes_and_a_grade_in_range(env_id: str) -> None:
    env, task = gymnasium.make(env_id), load_task(env_id)
    actions = ["ls -R data | head", "head -n 3 data/test.csv", {"tool": "list_files"}]
    code = task.submission.code
    # What is graded of measured runs holds their times, so that no two grades are equal.
    equal = len(actions) + (2 if code is None or task.submission.columns else 1)
    once = [env.reset(seed=4), *map(env.step, (*actions, hand_in(task)))]
    twice = [env.reset(seed=4), *map(env.step, (*actions, hand_in(task))[: equal - 1])]
    env.close()
    assert data_equivalence([*map(timeless, once[:equal])], [*map(timeless, twice)], exact=True)
    assert len(once[0][0]["output"]) > 500
    _, reward, terminated, truncated, info = once[-1]
    assert (terminated, truncated) == (True, False)
    assert info["grade"]["valid"], info["grade"]["error_message"]
    assert 0 <= float(reward) <= 1
    assert reward == info["grade"]["normalized"]


@some_tasks
def test_pickles_play_before_and_after_reset(env_id: str) -> None:
    env = gymnasium.make(env_id)
    fresh = pickle.loads(pickle.dumps(env))
    first, _ = env.reset(seed=1)
    used = pickle.loads(pickle.dumps(env))
    for copy in (fresh, used):
        assert copy.spec == env.spec
        assert copy.reset(seed=1)[0]["output"] == first["output"]
        copy.close()
    env.close()


@every_task
def test_the_spec_survives_json(env_id: str) -> None:
    spec: Any = gymnasium.make(env_id, max_steps=3, render_mode="ansi").spec
    again: Any = gymnasium.make(EnvSpec.from_json(spec.to_json()))
    assert again.spec == spec
    assert again.render_mode == "ansi"
    assert again.observation_space["steps_left"].n == 4


@some_tasks
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("mode", ["ours", "sync", "async"])
def test_vector_environments_play(env_id: str, mode: str) -> None:
    choices: dict[str, dict[str, Any]] = {
        "ours": {},
        "sync": {"vectorization_mode": "sync"},
        "async": {"vectorization_mode": "async", "vector_kwargs": {"shared_memory": False}},
    }
    envs = gymnasium.make_vec(env_id, num_envs=2, **choices[mode])
    try:
        assert isinstance(envs, ThreadVectorEnv) is (mode == "ours")
        observations, infos = envs.reset(seed=0)
        assert observations in envs.observation_space
        assert infos["variant"].tolist() == [0, 0]
        observations, rewards, terminations, truncations, infos = envs.step(
            (hand_in(load_task(env_id)), "echo on")
        )
        assert observations in envs.observation_space
        assert observations["output"][1] == "on\n"
        assert terminations.tolist() == [True, False]
        assert not truncations.any()
        assert rewards.tolist() == [infos["grade"]["normalized"][0], 0.0]
        assert "grade" not in envs.step(envs.action_space.sample())[4]
    finally:
        envs.close()


@some_tasks
def test_gymnasium_s_wrappers_apply(env_id: str) -> None:
    env = gymnasium.make(env_id)
    seen = TransformObservation(env, lambda o: o | {"output": "masked"}, env.observation_space)
    translated = TransformAction(seen, lambda _: hand_in(load_task(env_id)), env.action_space)
    paid = TransformReward(translated, lambda reward: float(reward) - 1)
    recorded = RecordEpisodeStatistics(paid)
    recorded.reset(seed=0)
    observation, reward, terminated, _, info = recorded.step("replaced")
    recorded.close()
    assert terminated
    assert observation["output"] == "masked"
    assert reward == info["grade"]["normalized"] - 1
    assert (info["episode"]["l"], info["episode"]["r"]) == (1, reward)


@some_tasks
def test_pictures_change_as_the_episode_goes_and_become_a_video(
    env_id: str, tmp_path: Path
) -> None:
    env: Any = gymnasium.make(env_id, render_mode="rgb_array")
    video: Any = RecordVideo(env, str(tmp_path / "videos"), name_prefix="play")
    video.reset(seed=0)
    before = env.render()
    video.step("echo on")
    assert not np.array_equal(before, env.render())
    video.close()
    assert (tmp_path / "videos" / "play-episode-0.mp4").stat().st_size > 1000

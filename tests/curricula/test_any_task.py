from __future__ import annotations

import json
from typing import Any

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

from mle_gym.curricula import AnyTask
from mle_gym.env import MLEEnv
from mle_gym.errors import TaskError
from mle_gym.wrappers import fork

pytestmark = pytest.mark.usefixtures("springs")

SOLVE = "python data/lab.py line plain"


def _make(**arguments: Any) -> gymnasium.Env[Any, Any]:
    return gymnasium.make("mle/any-v0", **{"suite": "micro", "max_steps": 5} | arguments)


def test_every_reset_draws_another_instance_and_a_seed_the_same() -> None:
    env = _make(variant="heldout", reward="anchored")
    drawn = [env.reset(seed=1)[1], env.reset()[1], env.reset()[1], env.reset(seed=1)[1]]
    sampled = [info["sampled"] for info in drawn]
    assert sampled[0] == sampled[3]
    assert len({each["variant"] for each in sampled}) == 3
    assert {each["size"] for each in sampled} == {"micro"}
    env.step(SOLVE)
    *_, reward, terminated, _, info = env.step({"tool": "submit"})
    assert terminated
    assert 0 <= reward <= 1
    assert info["task"] == sampled[3]["task"]
    assert info["grade"]["variant"] == sampled[3]["variant"]
    env.close()


def test_options_take_the_place_of_what_is_drawn() -> None:
    env = _make()
    chosen = {"task": "springs", "variant": -7, "size": "small", "difficulty": 0.25}
    _, info = env.reset(seed=0, options=chosen)
    assert info["sampled"] == chosen
    assert env.unwrapped.record.dataset.options.difficulty == 0.25
    _, info = env.reset(options={"task": "titanic", "variant": 0})
    assert info["sampled"] == {"task": "titanic", "variant": 0}
    assert env.unwrapped.task.id == "titanic"
    _, info = env.reset()  # as the automatic reset of a vector environment
    assert info["task"] == "titanic"
    _, info = env.reset(seed=0)
    assert info["task"] == "springs"
    env.close()


def test_it_can_be_forked_and_continued_from_a_snapshot_of_any_task() -> None:
    env = _make()
    env.reset(seed=0)
    env.step("echo one > note")
    twin = fork(env)
    assert twin.step("cat note")[0]["output"].strip() == "one"
    with env.unwrapped.snapshot() as snapshot:
        other = _make()
        other.reset(options={"task": "titanic", "variant": 0})
        other.reset(options={"snapshot": snapshot})
        assert other.unwrapped.task.id == env.unwrapped.task.id
        assert other.step("cat note")[0]["output"].strip() == "one"
    for each in (env, twin, other):
        each.close()


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")
def test_it_is_an_environment_like_the_others() -> None:
    env = _make(render_mode="ansi")
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert json.loads(again.spec.to_json())["kwargs"] == json.loads(env.spec.to_json())["kwargs"]
    assert isinstance(env.unwrapped, MLEEnv)
    before = env.observation_space
    ours = env
    while not isinstance(ours, AnyTask):
        ours = ours.env
    check_env(ours, skip_render_check=True)
    env.reset(seed=0)
    env.reset(options={"task": "titanic", "variant": 0})
    assert env.observation_space == before
    assert "titanic" in env.render()
    assert env.spec.id == "mle/any-v0"
    env.close()


def test_environments_draw_for_themselves_in_a_vector() -> None:
    envs = gymnasium.make_vec("mle/any-v0", 2, suite="micro", max_steps=1)
    _, infos = envs.reset(seed=[1, 2])
    first = list(infos["sampled"]["variant"])
    assert first[0] != first[1]
    envs.step(("true", "true"))
    _, _, _, _, infos = envs.step(("true", "true"))  # the automatic reset
    assert set(first).isdisjoint(infos["sampled"]["variant"])
    envs.close()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"suite": "evryday"}, TaskError, "everyday"),
        ({"sizes": ["tiny"]}, ValueError, "'micro'"),
        ({"difficulties": (0.5, 0.2)}, ValueError, "lowest and the highest"),
        ({"difficulty": 0.5}, TypeError, "expected difficulties"),
        ({"variant": "tests"}, ValueError, "variant"),
        ({"rewrad": "score"}, TypeError, "reward"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_starts(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        AnyTask(**arguments)

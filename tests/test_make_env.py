"""Environments made by ``mle_gym.make`` and ``mle_gym.make_vec``."""

from __future__ import annotations

import gymnasium
import pytest
from gymnasium.envs.registration import EnvSpec

import mle_gym
from mle_gym.env import MLEEnv
from mle_gym.vector import ThreadVectorEnv
from tests.task_folders import MakeTask, make_task  # noqa: F401

ARGUMENTS = {"reward": "anchored", "limits": {"cpus": 0.5}}


def test_a_made_environment_is_the_one_of_gymnasium_without_its_wrappers() -> None:
    env, wrapped = (
        mle_gym.make("titanic", **ARGUMENTS),
        gymnasium.make("mle/titanic-v0", **ARGUMENTS),
    )
    assert type(env) is type(wrapped.unwrapped) is MLEEnv
    assert env.settings == wrapped.unwrapped.settings
    assert env.spec == wrapped.unwrapped.spec == mle_gym.make("mle/titanic-v0", **ARGUMENTS).spec


def test_a_made_environment_s_spec_makes_it_again() -> None:
    env = mle_gym.make("titanic", **ARGUMENTS)
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    assert type(again) is MLEEnv
    assert (again.settings, again.spec) == (env.settings, env.spec)


def test_changing_what_was_given_changes_no_spec() -> None:
    limits = {"cpus": 0.5}
    env = mle_gym.make("titanic", limits=limits)
    limits["cpus"] = 2
    assert env.spec.kwargs["limits"] == {"cpus": 0.5}


def test_a_task_folder_needs_no_registration(make_task: MakeTask) -> None:  # noqa: F811
    folder = make_task()
    env = mle_gym.make(str(folder))
    assert env.spec.id not in gymnasium.registry
    assert env.spec.make().unwrapped.task.folder == folder


def test_a_made_vector_environment_is_the_one_of_gymnasium() -> None:
    arguments = {**ARGUMENTS, "autoreset_mode": "same_step"}
    ours = mle_gym.make_vec("titanic", num_envs=2, **arguments)
    theirs = gymnasium.make_vec("mle/titanic-v0", num_envs=2, **arguments)
    assert type(ours) is type(theirs) is ThreadVectorEnv
    assert ours.spec == theirs.spec
    again = gymnasium.make_vec(EnvSpec.from_json(ours.spec.to_json()))
    assert again.num_envs == 2
    assert again.autoreset_mode is ours.autoreset_mode
    for envs in (ours, theirs, again):
        envs.close()


@pytest.mark.parametrize("make", [mle_gym.make, mle_gym.make_vec])
def test_what_cannot_be_is_refused_as_by_the_class(make: type[MLEEnv]) -> None:
    with pytest.raises(mle_gym.errors.TaskError, match="did you mean 'titanic'"):
        make("titanik")
    with pytest.raises(TypeError, match=r"^no argument is called 'variants'; did you"):
        make("titanic", variants=1)
    with pytest.raises(ValueError, match="render_mode: no such value 'rgb_array_list'"):
        make("titanic", render_mode="rgb_array_list")

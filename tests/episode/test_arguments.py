"""An environment's arguments are declared once, and everything else agrees with the declaration."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from types import NoneType
from typing import Any, get_args, get_type_hints

import gymnasium
import pytest

import mle_gym
from mle_gym.env import MLEEnv
from mle_gym.episode.arguments import ARGUMENTS, RENDER_MODES, RESET_OPTIONS, Arguments
from mle_gym.episode.settings import Settings
from mle_gym.vector import ThreadVectorEnv


@pytest.mark.parametrize(
    "function",
    [MLEEnv, ThreadVectorEnv, mle_gym.make, mle_gym.make_vec],
    ids=lambda each: each.__name__,
)
def test_signatures_name_every_argument_with_its_type_and_default(
    function: Callable[..., Any],
) -> None:
    parameters = inspect.signature(function).parameters
    assert parameters["task"].default is inspect.Parameter.empty
    for name, hint in get_type_hints(Arguments).items():
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[name].annotation == hint
        assert parameters[name].default == ARGUMENTS[name].default


def test_settings_hold_every_argument_but_the_render_mode() -> None:
    fields = {each.name for each in dataclasses.fields(Settings)}
    assert fields == ARGUMENTS.keys() - {"render_mode"}
    assert MLEEnv.metadata["render_modes"] == list(RENDER_MODES)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_default_fits_its_own_argument(name: str) -> None:
    argument = ARGUMENTS[name]
    argument.check(name, argument.default)
    hint = get_type_hints(Arguments)[name]
    assert (NoneType in get_args(hint)) == (argument.default is None)
    assert bool(argument.otherwise) == (argument.default is None)
    json.dumps(argument.default)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_value_of_no_kind_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}( must be |: no such value ).*object at 0x"):
        ARGUMENTS[name].check(name, object())


@pytest.mark.parametrize("make", [MLEEnv, lambda task, **rest: gymnasium.make(task, **rest)])
def test_an_unknown_argument_is_refused_with_the_nearest(make: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="no argument is called 'rewrad'; did you mean 'reward'"):
        make("mle/titanic-v0", rewrad="score")
    with pytest.raises(TypeError, match="'max_episode_stepps'; did you mean 'max_steps'"):
        make("mle/titanic-v0", max_episode_stepps=3)


def test_a_number_beyond_every_float_is_refused() -> None:
    with pytest.raises(ValueError, match="time_limit must be a positive number of seconds"):
        MLEEnv("titanic", time_limit=10**400)


def test_the_options_of_a_reset_are_those_of_an_episode() -> None:
    assert set(RESET_OPTIONS) == {"variant", "size", "difficulty", "train_rows", "obfuscate"}


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("max_steps", "5", 5),
        ("max_steps", "null", None),
        ("variant", "1-100", "1-100"),
        ("variant", "-3", -3),
        ("reward", "3", "3"),
        ("runtime", "null", None),
        ("limits", '{"cpus": 0.5}', {"cpus": 0.5}),
        ("packages", '["lightgbm"]', ["lightgbm"]),
        ("warm", "false", False),
        ("warm", "no", "no"),
    ],
)
def test_words_of_a_command_line_are_read_by_the_kind_of_argument(
    name: str, word: str, value: object
) -> None:
    assert ARGUMENTS[name].parse(word) == value


def test_arguments_are_plain_data_that_a_spec_carries() -> None:
    given = {"limits": {"cpus": 0.5}, "packages": ["lightgbm"], "variant": "1-9", "warm": False}
    env = gymnasium.make("mle/titanic-v0", **given)
    assert env.spec is not None
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.unwrapped.settings == env.unwrapped.settings  # type: ignore[attr-defined]

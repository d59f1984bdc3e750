from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mle_gym.env import MLEEnv

REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"variant": "rnd"},
        "variant must be an integer, 'train', 'heldout', 'random' or .* not 'rnd'",
    ),
    ({"variant": True}, "variant must be"),
    ({"variant": 1.0}, "variant must be"),
    ({"sandbox": "bubblwrap"}, "sandbox: no such value 'bubblwrap'; did you mean 'bubblewrap'"),
    ({"sandbox": None}, "sandbox: no such value None; known: auto, bubblewrap"),
    ({"reward": "scor"}, "reward 'scor' .* did you mean 'score'"),
    ({"reward": "pkg.mod:"}, "nor an import path"),
    ({"reward": "pkg mod:f"}, "nor an import path"),
    ({"reward": 1}, "reward must be a string"),
    ({"max_steps": 0}, "max_steps must be an integer of at least 1, not 0"),
    ({"max_steps": 2.5}, "max_steps must be an integer"),
    ({"max_steps": True}, "max_steps must be an integer"),
    ({"time_limit": 0}, "time_limit must be a positive number of seconds, not 0"),
    ({"time_limit": float("nan")}, "time_limit must be a positive number"),
    ({"time_limit": float("inf")}, "time_limit must be a positive number"),
    ({"time_limit": "60"}, "time_limit must be a positive number"),
    ({"command_timeout": -1}, "command_timeout must be a positive number"),
    ({"feedback": "scores"}, "feedback: no such value 'scores'; did you mean 'score'"),
    ({"score_calls": -1}, "score_calls must be an integer of at least 0"),
    ({"size": "tiny"}, "size: no such value 'tiny'"),
    ({"size": "full"}, "size must be 'small' for titanic, not 'full': only tasks whose data are"),
    ({"difficulty": 1.1}, "difficulty must be a number from 0 to 1, not 1.1"),
    ({"difficulty": float("nan")}, "difficulty must be a number from 0 to 1"),
    ({"difficulty": True}, "difficulty must be a number from 0 to 1, not True"),
    ({"difficulty": 0.9}, r"difficulty must be 0\.5 for titanic, not 0\.9"),
    ({"train_rows": 0}, "train_rows must be an integer of at least 1"),
    ({"obfuscate": 1}, "obfuscate must be True or False, not 1"),
    ({"network": "yes"}, "network must be True or False"),
    ({"gpus": "0"}, "gpus must be a list"),
    ({"warm": 1}, "warm must be True or False, not 1"),
    ({"preload": "torch"}, r"preload must be a list of modules such as \['torch'\], not 'torch'"),
    ({"preload": {"torch": 1}}, "preload must be a list of modules"),
    ({"preload": ["torch", "a-b"]}, "preload: 'a-b' is not the name of a module"),
    ({"preload": ["os; x"]}, "preload: 'os; x' is not the name of a module"),
    ({"preload": [""]}, "preload: '' is not the name of a module"),
    ({"preload": ["sklearn."]}, "preload: 'sklearn.' is not the name of a module"),
    ({"preload": [1]}, "preload: 1 is not the name of a module"),
    ({"sandbox_python": "/no/such/python"}, "there is no interpreter at /no/such/python"),
    ({"sandbox_python": 3}, "sandbox_python must be a string"),
    ({"limits": {"memory": 1}}, "limits: no such value 'memory'; did you mean 'memory_mb'"),
    ({"limits": {"memory_mb": 0}}, "memory_mb must be a positive number, not 0"),
    ({"limits": {"memory_mb": 1.5}}, "memory_mb must be a positive number"),
    ({"limits": [1]}, "limits must be a dict"),
    ({"render_mode": "rgb"}, "render_mode: no such value 'rgb'; did you mean 'rgb_array'"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_wrong_argument_fails_at_construction_and_says_why(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        MLEEnv("titanic", **arguments)


def test_the_task_decides_what_is_not_given() -> None:
    env = MLEEnv("titanic")
    limits = env.task.limits
    assert env.settings.max_steps == limits.steps
    assert env.settings.time_limit == limits.seconds
    assert env.settings.limits.memory_mb == limits.memory_mb


def test_arguments_go_before_the_task() -> None:
    env = MLEEnv(
        "titanic",
        max_steps=3,
        time_limit=9,
        limits={"memory_mb": 512, "cpus": 0.5},
        gpus=[0, "GPU-1"],
        sandbox_python=sys.executable,
    )
    settings = env.settings
    assert (settings.max_steps, settings.time_limit) == (3, 9.0)
    assert (settings.limits.memory_mb, settings.limits.cpus) == (512, 0.5)
    assert settings.limits.disk_mb == env.task.limits.disk_mb
    assert settings.gpus == ("0", "GPU-1")
    assert settings.sandbox_python == Path(sys.executable).absolute()


def test_options_change_one_episode_and_are_checked_alike() -> None:
    settings = MLEEnv("titanic", variant=3).settings
    assert settings.with_options(None) == settings
    changed = settings.with_options({"train_rows": 10})
    assert settings.with_options({"variant": np.int64(4)}).variant == 4
    assert (changed.variant, changed.train_rows) == (3, 10)
    with pytest.raises(ValueError, match=r"no such value 'varaint'; did you mean 'variant'"):
        settings.with_options({"varaint": 1})
    with pytest.raises(ValueError, match="train_rows must be"):
        settings.with_options({"train_rows": 0})

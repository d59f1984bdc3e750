"""An environment turned against its next users: the runner, the grader, the next episode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import pytest

from tests.security.bait import TASK

POISON = r"""
mkdir -p evil lib
for name in python python3 submit validate score ls cat sh bash; do
    printf '#!/bin/sh\necho POISONED %s\n' $name > evil/$name
done
chmod +x evil/*
for name in pandas numpy json csv socket os signal sitecustomize usercustomize mle_gym runner; do
    echo 'print("POISONED module")' > $name.py
    cp $name.py lib/
done
echo 'echo POISONED profile' | tee ~/.bashrc ~/.profile ~/.bash_profile > .bashrc
printf 'POISONED library' > lib/evil.so
submit() { echo POISONED function; }
alias submit='echo POISONED alias'
export -f submit
export PYTHONPATH=$PWD/lib PYTHONSTARTUP=$PWD/lib/json.py PYTHONHOME= BASH_ENV=$PWD/.bashrc
export ENV=$PWD/.bashrc PROMPT_COMMAND='echo POISONED prompt' LD_LIBRARY_PATH=$PWD/lib
export CDPATH=/ IFS=x GLOBIGNORE='*' SHELLOPTS MARK=POISONED
export PATH=$PWD/evil:$PATH
"""
"""All of it is exported: the next command starts with it."""


@pytest.fixture
def env(isolating_backend: str) -> Iterator[gym.Env[Any, Any]]:
    env = gym.make(f"mle/{TASK}-v0", sandbox=isolating_backend)
    env.reset(seed=0)
    env.step("cp data/sample_submission.csv submission.csv")
    env.step(POISON)
    yield env
    env.close()


def test_the_poison_works_on_who_trusts_it(env: gym.Env[Any, Any]) -> None:
    """These are the agent's own commands, and it may deceive itself."""
    for command in ("submit", "python x.py", "/usr/bin/env python3 x.py"):
        assert "POISONED" in env.step(command)[0]["output"], command
    found = env.step("unset -f submit; PATH=${PATH#*evil:} python -c 'import pandas'")
    assert "POISONED module" in found[0]["output"]


def test_file_actions_and_grading_are_not_reached_by_it(env: gym.Env[Any, Any]) -> None:
    actions = [
        {"tool": "list_files", "path": "data"},
        {"tool": "read_file", "path": "data/sample_submission.csv", "lines": 1},
        {"tool": "write_file", "path": "new.txt", "content": "hello"},
        {"tool": "validate"},
    ]
    for action in actions:
        observation = env.step(action)[0]
        assert observation["exit_code"] == 0
        assert "POISONED" not in observation["output"]
    _, _, terminated, _, info = env.step({"tool": "submit"})
    assert terminated
    assert info["grade"]["valid"]
    assert info["grade"]["beats_floor"] is False


def test_the_runners_own_commands_are_not_reached_by_it(env: gym.Env[Any, Any]) -> None:
    observation = env.step("/run/mle-gym/bin/validate /workspace/submission.csv")[0]
    assert "is a valid submission" in observation["output"]
    assert "POISONED module" not in observation["output"]


def test_the_next_episode_is_clean(env: gym.Env[Any, Any]) -> None:
    env.reset()
    observation = env.step("env; type submit python; ls -A . ~; python -c 'import json, pandas'")[0]
    assert observation["exit_code"] == 0
    assert "POISONED" not in observation["output"]
    assert "evil" not in observation["output"]

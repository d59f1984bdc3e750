"""What is on the agent's clock: all time, or only that of its actions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from mle_gym.env import MLEEnv
from mle_gym.errors import SandboxEnded
from mle_gym.sandbox.runner_client import RunnerSandbox

pytestmark = pytest.mark.bubblewrap


@pytest.fixture
def env() -> Iterator[MLEEnv]:
    made = MLEEnv("zoo", sandbox="bubblewrap", clock="commands", time_limit=60.0)
    made.reset(seed=0)
    yield made
    made.close()


def left(observation: dict[str, Any]) -> float:
    return float(observation["seconds_left"].item())


def test_thinking_is_free_and_actions_are_not(env: MLEEnv) -> None:
    first = left(env.step("true")[0])
    time.sleep(0.2)
    assert env._episode is not None
    assert env._episode.budget.seconds_left == first < 60
    assert left(env.step("sleep 0.2")[0]) <= first - 0.2


def test_the_brief_says_what_counts(env: MLEEnv) -> None:
    assert "and 60 seconds in which your actions run" in env.reset()[0]["output"]


def test_an_action_ends_when_the_time_is_up() -> None:
    with_little_time = MLEEnv("zoo", sandbox="bubblewrap", clock="commands", time_limit=0.5)
    with_little_time.reset(seed=0)
    observation, _, terminated, truncated, info = with_little_time.step("sleep 60")
    with_little_time.close()
    assert (observation["exit_code"], terminated, truncated) == (124, False, True)
    assert (info["execution"]["timed_out"], info["reward_valid"]) == (True, True)


def test_the_sandbox_has_a_deadline_during_actions_only(
    env: MLEEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines: list[float | None] = []
    expire = RunnerSandbox.expire

    def noted(sandbox: RunnerSandbox, seconds: float | None) -> None:
        deadlines.append(seconds)
        expire(sandbox, seconds)

    monkeypatch.setattr(RunnerSandbox, "expire", noted)
    env.step("sleep 1000 &")
    during, afterwards = deadlines
    assert during is not None
    assert 0 < during <= 60
    assert afterwards is None
    assert env.step("jobs; pgrep -x sleep")[0]["exit_code"] == 0


def test_a_snapshot_between_actions_leaves_the_clock_stopped(env: MLEEnv) -> None:
    used = left(env.step("sleep 0.1")[0])
    with env.snapshot() as snapshot:
        assert env._episode is not None
        assert env._episode.budget.seconds_left == used
        observation, _ = env.reset(options={"snapshot": snapshot})
        assert left(observation) == pytest.approx(used, abs=1e-2)
        assert env.step("echo on")[0]["output"] == "on\n"


def test_a_sandbox_that_ends_between_actions_is_graded(
    env: MLEEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(sandbox: RunnerSandbox, seconds: float | None) -> None:
        raise SandboxEnded("it ended", killed_by="memory")

    env.step("true")
    monkeypatch.setattr(RunnerSandbox, "expire", gone)
    _, _, terminated, truncated, info = env.step("true")
    assert (terminated, truncated, info["reward_valid"]) == (False, True, True)
    assert info["grade"]["valid"] is False

"""Runs on which training would go wrong are told from those that are fit for it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import mle_gym
from mle_gym.trajectories.health import Health, HealthCheck, Limits
from mle_gym.trajectories.trajectory import Step, Trajectory
from tests.cli.conftest import Command, command  # noqa: F401

FAILURE = {"kind": "sandbox_died", "stage": "step", "cause": "infrastructure"}


def step(action: Any = "ls", reward: float = 0.0, **more: Any) -> Step:
    """A step; ``observation`` and ``info`` add to the usual ones."""
    observation = {"output": "", "exit_code": 0, "steps_left": 5, "seconds_left": 60.0}
    info = {"execution": {}, **more.pop("info", {})}
    observation |= more.pop("observation", {})
    truncated = more.pop("truncated", False)
    return Step(action, observation, reward, not truncated, truncated, info)


def episode(
    reward: float = 0.0, *steps: Step, variant: int = 1, complete: bool = True, **settings: Any
) -> Trajectory:
    """An episode that takes some steps and then earns a reward."""
    header = {"task": "wine", "variant": variant, "settings": settings}
    taken = (*steps, step({"tool": "submit"}, reward))
    return Trajectory(header, taken, {} if complete else None)


def failed(**more: Any) -> Trajectory:
    return Trajectory(
        {"task": "wine", "variant": 1}, (step(truncated=True, info={"failure": FAILURE}),), {}
    )


def check(report: Health, name: str) -> HealthCheck:
    (found,) = (each for each in report.checks if each.name == name)
    return found


def healthy(groups: int = 4) -> list[Trajectory]:
    return [
        episode(reward, step(f"run {reward}"), variant=variant)
        for variant in range(groups)
        for reward in (0.1, 0.5, 0.9)
    ]


def test_a_run_that_learns_is_fit() -> None:
    report = mle_gym.health(healthy())
    assert report.ok
    assert report.episodes == 12
    assert {each.name for each in report.checks} == set(vars(Limits()))
    assert all(each.status in ("ok", "unmeasured") for each in report.checks)
    assert all(not each.advice for each in report.checks)


def test_failures_are_counted_by_kind_and_stage() -> None:
    report = mle_gym.health([*healthy(), failed(), failed(), failed()])
    found = check(report, "failures")
    assert not report.ok
    assert (found.status, found.figure, found.limit) == ("wrong", 0.2, 0.05)
    assert found.detail == "3 of 15 episodes failed: 3 sandbox_died at step"
    assert "reward_valid" in found.advice


def test_a_zero_that_says_nothing_of_the_agent_is_a_false_one() -> None:
    malformed = step("?", observation={"exit_code": 2})
    malformed.info.clear()
    unread = Trajectory({"task": "wine", "variant": 1}, (malformed,), {})
    nothing = Trajectory({"task": "wine", "variant": 1}, (), {})
    bad = [failed(), unread, nothing, episode(complete=False)]
    report = mle_gym.health([*healthy(), *bad])
    found = check(report, "false_zeros")
    assert (found.status, found.figure) == ("wrong", 0.25)
    for why in ("sandbox_died at step", "an action that could be read", "a step", "cut off"):
        assert f"1 {why}" in found.detail or f"1 without {why}" in found.detail
    # An agent whose submission is worth nothing has earned its 0.
    assert mle_gym.health([*healthy(), episode(0.0)]).ok


def test_what_a_trainer_masked_is_no_false_zero() -> None:
    episodes = [*healthy(), failed(), failed()]
    returns = [each.episode_return for each in episodes]
    masked = [*returns[:-2], None, math.nan]
    assert check(mle_gym.health(episodes, rewards=returns), "false_zeros").status == "wrong"
    found = check(mle_gym.health(episodes, rewards=masked), "false_zeros")
    assert (found.status, found.detail) == ("ok", "0 of 12 rewards are false zeros")
    with pytest.raises(ValueError, match="shorter"):
        mle_gym.health(episodes, rewards=masked[:-1])


def test_groups_with_one_return_teach_nothing() -> None:
    flat = [episode(0.0, variant=n) for n in (7, 7, 8, 8)]
    same = [episode(1.0, variant=9) for _ in range(3)]
    report = mle_gym.health([*healthy(1), *flat, *same])
    found = check(report, "flat_groups")
    assert (found.status, found.figure) == ("wrong", 0.75)
    assert found.detail == "3 of 4 groups have one return: 2 at 0, 1 at another value"
    # Rollouts of another size of the same variant are another group.
    sizes = [episode(0.0, variant=7, size="micro"), episode(0.5, variant=7, size="small")]
    assert check(mle_gym.health(sizes), "flat_groups").status == "unmeasured"
    # A failure is not part of its group.
    assert check(mle_gym.health([episode(0.5), failed()]), "flat_groups").status == "unmeasured"


def test_milestones_without_a_score_are_farmed() -> None:
    def paid(submission: float, anchored: float, n: int) -> Trajectory:
        parts = step(reward=submission, info={"reward_parts": {"submission": submission}})
        last = step(reward=anchored, info={"reward_parts": {"anchored": anchored}})
        header = {"task": "wine", "variant": n, "settings": {"reward": "milestones"}}
        return Trajectory(header, (parts, last), {})

    farmed = [paid(0.1, 0.0, n) for n in range(3)]
    report = mle_gym.health([*farmed, paid(0.1, 0.6, 4)])
    found = check(report, "milestones")
    assert (found.status, found.figure) == ("wrong", 0.75)
    assert check(mle_gym.health([paid(0.1, 0.6, n) for n in range(3)]), "milestones").figure == 0


def test_episodes_and_commands_that_the_clock_ends_are_counted() -> None:
    over = step(truncated=True, observation={"seconds_left": 0.0})
    spent = step(truncated=True, observation={"seconds_left": 0.0, "steps_left": 0})
    timeout = step(observation={"exit_code": 124})
    bound = [Trajectory({"task": "wine", "variant": 1}, (over,), {}), episode(0.3, timeout)]
    harmless = Trajectory({"task": "wine", "variant": 1}, (spent,), {})
    report = mle_gym.health([*healthy(), *bound, harmless])
    found = check(report, "clock")
    assert (found.status, found.figure) == ("wrong", round(2 / 15, 6))
    assert found.detail.endswith(": 1 of the episode, 1 of the command")


def test_repeated_actions_and_copied_episodes_are_warned_of() -> None:
    stuck = [episode(n / 9, *[step("ls")] * 4, variant=n // 5) for n in range(10)]
    report = mle_gym.health(stuck)
    assert report.ok  # nobody has to stop for a warning
    assert (check(report, "repeats").status, check(report, "repeats").figure) == ("warning", 0.75)
    assert (check(report, "copies").status, check(report, "copies").figure) == ("warning", 1.0)
    validates = [episode(n / 9, *[step("validate x.csv")] * 4, variant=n) for n in range(10)]
    assert check(mle_gym.health(validates), "repeats").status == "unmeasured"


def test_returns_that_follow_the_length_are_warned_of() -> None:
    def long(n: int, reward: float) -> Trajectory:
        return episode(reward, *[step(f"{n} {each}") for each in range(n)], variant=n)

    found = check(mle_gym.health([long(n, n / 20) for n in range(12)]), "length")
    assert (found.status, found.figure) == ("warning", 1.0)
    assert "longer episodes earn more" in found.detail
    found = check(mle_gym.health([long(n, n * 7 % 12 / 20) for n in range(12)]), "length")
    assert found.status == "ok"


def test_limits_are_shares() -> None:
    assert mle_gym.health([failed(), *healthy()], limits=Limits(failures=0.1, false_zeros=0.1)).ok
    with pytest.raises(ValueError, match="failures must be from 0 to 1"):
        Limits(failures=3)


@pytest.mark.bubblewrap
def test_the_command_exits_with_1_and_says_what_to_do(command: Command) -> None:  # noqa: F811
    for seed in range(2):
        with mle_gym.make("titanic", max_steps=1, reward="anchored") as env:
            mle_gym.rollout(env, mle_gym.load_agent("random"), seed=seed, path=f"runs/{seed}.jsonl")
    result = command("health", "runs")
    assert result.code == 1
    assert result.out.startswith("not fit  2 episodes")
    assert "1 of 1 groups have one return: 1 at 0" in result.out
    assert "play easier instances" in result.out
    lenient = command("health", "runs", "--limit", "flat_groups=1", "--json")
    assert lenient.code == 0
    assert lenient.json["ok"]
    assert lenient.json == json.loads(lenient.out)
    assert command("health", "runs", "--limit", "nothing=1").code == 2
    Path("empty").mkdir()
    assert command("health", "empty").code == 2

"""Rollout: what is played and recorded, on Gymnasium's own environments and on MLEEnv."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from mle_gym.env import MLEEnv
from mle_gym.trajectories.replay import replay
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.trajectory import Step, Trajectory
from mle_gym.trajectories.verify.run_verification import verify_trajectory
from tests.trajectories.players import Alternating, Failing, Talker


def test_a_rollout_plays_to_the_end_of_the_episode(env: gym.Env[Any, Any]) -> None:
    seen: list[Step] = []
    trajectory = rollout(env, Alternating(), seed=3, on_step=seen.append)
    assert trajectory.complete
    assert trajectory.steps[-1].terminated
    assert not any(step.terminated for step in trajectory.steps[:-1])
    assert trajectory.episode_return == len(trajectory.steps) > 5
    assert [step.action for step in trajectory.steps[:4]] == [1, 0, 1, 0]
    assert seen == list(trajectory.steps)
    times = [step.time for step in trajectory.steps]
    assert times == sorted(times)


def test_the_file_holds_what_the_rollout_returned(env: gym.Env[Any, Any], tmp_path: Path) -> None:
    path = tmp_path / "episode.jsonl"
    trajectory = rollout(env, Alternating(), seed=3, path=path)
    assert_same(Trajectory.read(path), trajectory)


def assert_same(one: Trajectory, other: Trajectory) -> None:
    np.testing.assert_equal([vars(step) for step in one.steps], [vars(s) for s in other.steps])
    keys = set(one.header) - {"kind", "format", "chain"}
    np.testing.assert_equal({k: one.header[k] for k in keys}, other.header)
    assert {**(one.footer or {}), "kind": 0} == {**(other.footer or {}), "kind": 0}


def test_the_header_says_what_made_the_episode(env: gym.Env[Any, Any]) -> None:
    header = rollout(env, Alternating(), seed=3).header
    assert header["agent"] == "alternating"
    assert header["seed"] == 3
    assert header["env"]["id"] == "CartPole-v1"
    assert header["versions"]["gymnasium"] == gym.__version__
    assert {"python", "numpy", "mle-gym"} <= set(header["versions"])
    assert header["observation"].shape == (4,)
    json.dumps(header["env"])


def test_the_agent_may_leave(env: gym.Env[Any, Any]) -> None:
    trajectory = rollout(env, Alternating(leave_after=2), seed=3)
    assert trajectory.complete
    assert trajectory.left == "bored"
    assert len(trajectory.steps) == 2
    assert trajectory.footer is not None
    assert (trajectory.footer["terminated"], trajectory.footer["truncated"]) == (False, False)


def test_an_agent_that_leaves_at_once_has_an_episode_of_no_steps(env: gym.Env[Any, Any]) -> None:
    trajectory = rollout(env, Alternating(leave_after=0), seed=3)
    assert (trajectory.steps, trajectory.episode_return, trajectory.grade) == ((), 0.0, None)


def test_an_agent_that_fails_leaves_the_finished_steps_on_disk(
    env: gym.Env[Any, Any], tmp_path: Path
) -> None:
    path = tmp_path / "episode.jsonl"
    with pytest.raises(RuntimeError, match="out of ideas"):
        rollout(env, Failing(), seed=3, path=path)
    trajectory = Trajectory.read(path)
    assert len(trajectory.steps) == 2
    assert not trajectory.complete


class Interrupting:
    """Ends its episode by Ctrl-C, or by an exception that only looks like it."""

    def __init__(self, sent: bool) -> None:
        self._sent = sent

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        pass

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        if self._sent:
            signal.raise_signal(signal.SIGINT)
        raise KeyboardInterrupt("of its own")


def test_an_agent_s_own_keyboard_interrupt_is_not_ctrl_c(env: gym.Env[Any, Any]) -> None:
    with pytest.raises(RuntimeError, match="the agent raised KeyboardInterrupt: of its own"):
        rollout(env, Interrupting(sent=False))
    with pytest.raises(KeyboardInterrupt):
        rollout(env, Interrupting(sent=True))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match="the agent raised"):
        pool.submit(rollout, env, Interrupting(sent=False)).result()


def test_a_taken_path_is_refused_before_the_episode_begins(tmp_path: Path) -> None:
    path = tmp_path / "episode.jsonl"
    path.write_text("precious")
    closed = gym.make("CartPole-v1")
    with pytest.raises(FileExistsError, match="delete it"):
        rollout(closed, Alternating(), path=path)
    with pytest.raises(gym.error.ResetNeeded):
        closed.step(0)
    assert path.read_text() == "precious"


def test_a_reset_that_fails_leaves_no_file(env: gym.Env[Any, Any], tmp_path: Path) -> None:
    with pytest.raises(gym.error.Error):
        rollout(env, Alternating(), seed=-1, path=tmp_path / "episode.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_loses_at_most_the_step_in_flight(tmp_path: Path) -> None:
    program = """
import sys, time, gymnasium
from mle_gym.trajectories.rollout import rollout
class Slow:
    steps = 0
    def reset(self, observation, info): pass
    def act(self, observation, info):
        if self.steps == 5:
            print("five", flush=True)
            time.sleep(60)
        self.steps += 1
        return self.steps % 2
rollout(gymnasium.make("CartPole-v1"), Slow(), seed=0, path=sys.argv[1])
"""
    path = tmp_path / "episode.jsonl"
    run = subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE)
    with run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"five\n"
        os.kill(run.pid, signal.SIGKILL)
    trajectory = Trajectory.read(path)
    assert len(trajectory.steps) == 5
    assert "the run was stopped" in trajectory.note
    assert replay(path).differences == ()


@pytest.mark.bubblewrap
def test_the_header_of_a_task_s_episode_names_its_data_and_sandbox() -> None:
    with gym.make("mle/titanic-v0", sandbox="bubblewrap", train_rows=50) as env:
        one = rollout(env, Alternating(leave_after=0), seed=0, options={"variant": 3})
        other = rollout(env, Alternating(leave_after=0), seed=0)
    assert (one.header["task"], one.header["variant"]) == ("titanic", 3)
    assert one.header["backend"] == "bubblewrap"
    assert len(one.header["digest"]) == 64
    assert one.header["digest"] != other.header["digest"]
    assert one.header["env"]["kwargs"]["train_rows"] == 50


def test_what_an_agent_leaves_behind_is_handed_in(
    make: Callable[..., MLEEnv], tmp_path: Path
) -> None:
    copy = "cp data/sample_submission.csv submission.csv"
    thought = {"tool": "think", "thought": "that may do"}
    path = tmp_path / "left.jsonl"
    trajectory = rollout(make(), Talker(copy, thought), seed=0, path=path)
    assert trajectory.left == "I am done"
    assert trajectory.grade is not None
    assert trajectory.grade["valid"]
    assert [step.action for step in trajectory.steps] == [copy, thought, {"tool": "submit"}]
    assert [step.turn for step in Trajectory.read(path).steps] == [
        {"tokens": 7}, {"tokens": 14}, {"tokens": 14},
    ]  # fmt: skip
    assert verify_trajectory(path).verdict == "confirmed"
    assert replay(path, make()).differences == ()


def test_an_agent_that_has_nothing_to_hand_in_leaves_without_a_grade(
    make: Callable[..., MLEEnv],
) -> None:
    trajectory = rollout(make(), Talker("ls"), seed=0)
    assert (trajectory.left, trajectory.grade) == ("I am done", None)
    assert trajectory.steps[-1].observation["exit_code"] == 1


def test_an_agent_may_leave_without_handing_in(make: Callable[..., MLEEnv]) -> None:
    copy = "cp data/sample_submission.csv submission.csv"
    trajectory = rollout(make(), Talker(copy, submit=False), seed=0)
    assert (len(trajectory.steps), trajectory.grade) == (1, None)

"""Rollout and replay, on Gymnasium's own environments and on MLEEnv."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import TransformReward

from mle_gym.agents import LeaveEpisode
from mle_gym.env import MLEEnv
from mle_gym.episode.settings import Settings
from mle_gym.errors import SnapshotError, TrajectoryError
from mle_gym.trajectories.hash_chain import Chain
from mle_gym.trajectories.replay import replay
from mle_gym.trajectories.replay_risks import ARGUMENTS
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.trajectory import Step, Trajectory
from mle_gym.trajectories.verify.run_verification import verify_trajectory


class Alternating:
    """Pushes CartPole's cart left and right in turn."""

    name = "alternating"

    def __init__(self, leave_after: int | None = None) -> None:
        self.leave_after = leave_after
        self.steps = 0

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        self.steps = 0

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        if self.steps == self.leave_after:
            raise LeaveEpisode("bored")
        self.steps += 1
        return np.int64(self.steps % 2)


class Failing(Alternating):
    """Raises in its third action."""

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        if self.steps == 2:
            raise RuntimeError("out of ideas")
        return super().act(observation, info)


@pytest.fixture
def env() -> Iterator[gym.Env[Any, Any]]:
    env = gym.make("CartPole-v1")
    yield env
    env.close()


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


@pytest.mark.parametrize("name", ["CartPole-v1", "FrozenLake-v1", "Blackjack-v1", "Acrobot-v1"])
def test_a_replay_repeats_the_episode_exactly(name: str, tmp_path: Path) -> None:
    path = tmp_path / "episode.jsonl"
    with gym.make(name, max_episode_steps=30) as env:
        recorded = rollout(env, Alternating(), seed=11, path=path)
    again = replay(path)
    assert again.differences == ()
    assert len(again.steps) == len(recorded.steps)
    assert again.header["agent"] == "alternating"


def test_a_replay_repeats_that_the_agent_left(env: gym.Env[Any, Any], tmp_path: Path) -> None:
    path = tmp_path / "episode.jsonl"
    rollout(env, Alternating(leave_after=2), seed=3, path=path)
    again = replay(path)
    assert (again.differences, again.left) == ((), "bored")


def test_a_replay_says_where_it_went_another_way(env: gym.Env[Any, Any], tmp_path: Path) -> None:
    path = tmp_path / "episode.jsonl"
    recorded = rollout(env, Alternating(), seed=3, path=path)
    path.write_bytes(path.read_bytes().replace(b'"reward": 1.0', b'"reward": 2.0', 1))
    (difference,) = replay(path, broken=True).differences
    assert str(difference) == "step 1.reward: 2.0 became 1.0"
    with gym.make("CartPole-v1", max_episode_steps=4) as short:
        differences = replay(path, short, broken=True).differences
    assert "step 4.truncated: false became true" in map(str, differences)
    assert differences[-1].then == f"{len(recorded.steps) - 4} more steps"


def test_a_replay_needs_an_environment_it_can_make(tmp_path: Path) -> None:
    path = tmp_path / "episode.jsonl"
    with TransformReward(gym.make("CartPole-v1"), lambda reward: 2 * reward) as env:
        rollout(env, Alternating(), seed=3, path=path)
        with pytest.raises(ValueError, match=r"pass the environment: replay\(path, env\)"):
            replay(path)
        assert replay(path, env).differences == ()


def test_a_replay_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text("{}\n{}\n")
    with pytest.raises(TrajectoryError, match=r"notes\.jsonl:1:"):
        replay(path)


TRAIN = """python - <<'END' && submit
import pandas as pd
test = pd.read_csv("data/test.csv")
test["survived"] = (test["sex"] == "female").astype(int)
test[["PassengerId", "survived"]].to_csv("submission.csv", index=False)
END"""


class Scripted:
    """Plays a list of actions."""

    def __init__(self, *actions: Any) -> None:
        self.actions = list(actions)

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        self.left = iter(self.actions)

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        return next(self.left)


@pytest.mark.bubblewrap
def test_an_episode_that_continued_a_snapshot_is_replayed_from_it(tmp_path: Path) -> None:
    path = tmp_path / "episode.jsonl"
    env = gym.make("mle/zoo-v0", sandbox="bubblewrap", max_steps=3)
    env.reset(seed=0)
    env.step("echo kept > file")
    state, other = env.unwrapped.snapshot(), env.unwrapped.snapshot()  # type: ignore[attr-defined]
    rollout(env, Scripted("cat file", "true"), options={"snapshot": state}, path=path)
    env.close()
    assert str(state.folder) not in path.read_text()
    assert replay(path, snapshot=state).differences == ()
    for wrong in (None, other):
        with pytest.raises(ValueError, match=r"pass that snapshot while .*snapshot=…"):
            replay(path, snapshot=wrong)
    state.delete()
    with pytest.raises(SnapshotError, match="was deleted"):
        replay(path, snapshot=state)
    other.delete()


@pytest.mark.bubblewrap
def test_a_replay_of_some_steps_leaves_a_state_of_the_episode(tmp_path: Path) -> None:
    path = tmp_path / "episode.jsonl"
    env = gym.make("mle/zoo-v0", sandbox="bubblewrap", max_steps=3)
    rollout(env, Scripted("echo 1 > file", "echo 2 > file", "echo 3 > file"), path=path)
    again = replay(path, env, steps=2)
    assert (len(again.steps), again.differences) == (2, ())
    with env.unwrapped.snapshot() as state:  # type: ignore[attr-defined]
        observation, info = env.reset(options={"snapshot": state})
    assert (info["prefix_steps"], observation["steps_left"]) == (2, 1)
    assert env.step("cat file")[0]["output"].startswith("2\n")
    env.close()
    with pytest.raises(TrajectoryError, match="has 3 steps, not 4"):
        replay(path, steps=4)


@pytest.mark.bubblewrap
@pytest.mark.parametrize("variant", [0, "random"])
@pytest.mark.slow("it plays whole episodes")
def test_an_episode_of_a_task_is_replayed_exactly(tmp_path: Path, variant: int | str) -> None:
    path = tmp_path / "titanic.jsonl"
    agent = Scripted(
        "head -3 data/train.csv; export GREETING=hello",
        {"tool": "write_file", "path": "a b/notes.txt", "content": "naïve 模型\n"},
        {"tool": "no_such_tool", "deep": [1, {"$array": float("nan")}]},
        12.5,
        'echo "$GREETING" | cat - "a b/notes.txt"; false',
        TRAIN,
    )
    with gym.make("mle/titanic-v0", sandbox="bubblewrap", variant=variant) as env:
        env.reset(seed=1)  # the recorded episode is not the first: its variant has no seed
        recorded = rollout(env, agent, seed=None, path=path)
    assert recorded.steps[-1].terminated
    assert recorded.grade is not None
    assert recorded.grade["score"] > 0.7

    again = replay(path)
    assert again.differences == ()
    assert again.grade == recorded.grade
    assert again.steps[4].observation["output"] == "hello\nnaïve 模型\n"
    assert again.header["variant"] == recorded.header["variant"]


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


def rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A record whose header was changed, with a correct hash chain."""
    chain, lines = Chain(), [json.loads(line) for line in path.read_bytes().splitlines()]
    change(lines[0])
    for line in lines:
        line.pop("hash")
        line["hash"] = chain.add(line)
    other = path.with_name("changed.jsonl")
    other.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return other


@pytest.fixture(scope="module")
def empty_episode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of an episode without actions."""
    path = tmp_path_factory.mktemp("recorded") / "zoo.jsonl"
    with contextlib.closing(gym.make("mle/zoo-v0")) as env:
        rollout(env, Alternating(leave_after=0), seed=0, path=path)
    return path


RISKS = {
    "sandbox": "subprocess",
    "reward": "os:system",
    "task": "/tmp/evil",
    "sandbox_python": "/tmp/evil",
    "network": True,
    "gpus": [0],
    "runtime": "runsc",
    "packages": ["seaborn"],
    "preload": ["antigravity"],
    "time_limit": 9e4,
    "limits": {"memory_mb": 2500},
    "added_by_a_later_version": 1,
}


@pytest.mark.parametrize("name", RISKS)
def test_a_recording_that_asks_for_more_than_its_task_does_takes_trust(
    empty_episode: Path, name: str
) -> None:
    asked = {name: RISKS[name]}
    path = rewritten(empty_episode, lambda header: header["env"]["kwargs"].update(asked))
    with pytest.raises(ValueError, match=rf"its {name} is {re.escape(repr(RISKS[name]))}.*--trust"):
        replay(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"entry_point": "os:system"}, "its entry point is 'os:system'"),
        ({"additional_wrappers": [{}]}, "it has wrappers of its own"),
        ({"id": "mle/evil-v0"}, "its environment 'mle/evil-v0' is not registered here"),
        ({"kwargs": ["x"]}, "its kwargs is ['x']"),
    ],
)
def test_a_recording_of_another_environment_takes_trust(
    empty_episode: Path, change: dict[str, Any], reason: str
) -> None:
    path = rewritten(empty_episode, lambda header: header["env"].update(change))
    with pytest.raises(ValueError, match=re.escape(reason)):
        replay(path)


def test_no_trust_gives_more_than_the_machine_has(empty_episode: Path) -> None:
    limits = {"memory_mb": 10**9}
    path = rewritten(empty_episode, lambda header: header["env"]["kwargs"].update(limits=limits))
    with pytest.raises(ValueError, match="its memory_mb is 1000000000, and at most"):
        replay(path, trust=True)


def test_harmless_arguments_take_no_trust(empty_episode: Path) -> None:
    harmless = {"limits": {"memory_mb": 100}, "time_limit": 5.0, "max_steps": 10**6, "warm": False}
    harmless |= {"feedback": "score", "score_calls": 9, "reward": "milestones", "task": "zoo"}
    path = rewritten(empty_episode, lambda header: header["env"]["kwargs"].update(harmless))
    assert replay(path).header["settings"]["limits"]["memory_mb"] == 100


def test_every_argument_of_an_environment_says_which_values_are_harmless() -> None:
    """An argument without an entry would be refused. This test reminds its author to decide."""
    assert set(inspect.signature(MLEEnv).parameters) == set(ARGUMENTS)
    assert {each.name for each in dataclasses.fields(Settings)} <= set(ARGUMENTS)


def test_a_broken_chain_is_replayed_only_on_request(empty_episode: Path) -> None:
    path = empty_episode.with_name("broken.jsonl")
    path.write_bytes(empty_episode.read_bytes().replace(b'"seed": 0', b'"seed": 1', 1))
    with pytest.raises(TrajectoryError, match=r"its hash chain is broken.*--broken"):
        replay(path)
    assert replay(path, broken=True).differences == ()


class Talker:
    """Plays some actions, says what each cost, and then leaves."""

    name = "talker"

    def __init__(self, *actions: Any, submit: bool = True) -> None:
        self.actions, self.submit, self.turn = list(actions), submit, {"tokens": 0}

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        pass

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        if not self.actions:
            raise LeaveEpisode("I am done", submit=self.submit)
        self.turn = {"tokens": self.turn["tokens"] + 7}
        return self.actions.pop(0)


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

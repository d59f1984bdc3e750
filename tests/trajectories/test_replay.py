"""Replay: the same again, differences, and what a record may ask of the machine."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.wrappers import TransformReward

from mle_gym.env import MLEEnv
from mle_gym.episode.settings import Settings
from mle_gym.errors import SnapshotError, TrajectoryError
from mle_gym.trajectories.hash_chain import Chain
from mle_gym.trajectories.replay import replay
from mle_gym.trajectories.replay_risks import ARGUMENTS
from mle_gym.trajectories.rollout import rollout
from tests.trajectories.players import Alternating, Scripted


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

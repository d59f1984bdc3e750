"""Stepping environments as they become ready: send and recv."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.error import ClosedEnvironmentError

from mle_gym.vector.thread_vector import ThreadVectorEnv
from tests.sandbox.conftest import eventually, sleepers


@pytest.fixture
def envs() -> Iterator[ThreadVectorEnv]:
    made: Any = gym.make_vec("mle/zoo-v0", num_envs=3, sandbox="bubblewrap", max_steps=3)
    yield made
    made.close()


def received_ids(envs: ThreadVectorEnv, count: int) -> list[int]:
    return [int(i) for i in envs.recv(count, timeout=600)[-1]["env_id"]]


def wake(marker: str) -> None:
    """End the one `sleep` of that many seconds, in whichever sandbox it is."""
    assert eventually(lambda: len(sleepers(marker)) == 1)
    os.kill(sleepers(marker)[0], signal.SIGKILL)


def timed_out(envs: ThreadVectorEnv) -> str:
    """The message if two steps aren't done in time."""
    with pytest.raises(TimeoutError) as error:
        envs.recv(2, timeout=0.5)
    return str(error.value)


def test_a_slow_environment_does_not_hold_up_the_others(envs: ThreadVectorEnv) -> None:
    envs.async_reset(seed=0)
    observations, rewards, *_, infos = envs.recv(3, timeout=600)
    assert sorted(infos["env_id"]) == [0, 1, 2]
    assert all(text.startswith("# Zoo") for text in observations["output"])
    assert list(rewards) == [0, 0, 0]
    marker = f"866025{uuid.uuid4().int % 10**9}"
    envs.send([f"sleep {marker}; echo slow", "echo one", "echo two"], [0, 1, 2])
    observations, *_, infos = envs.recv(2, timeout=600)
    assert dict(zip(infos["env_id"], observations["output"], strict=True)) == {
        1: "one\n",
        2: "two\n",
    }
    assert infos["execution"]["duration"].shape == (2,)
    envs.send(["echo again"], [1])
    assert received_ids(envs, 1) == [1]
    wake(marker)
    observations, *_, infos = envs.recv(1, timeout=600)
    assert list(infos["env_id"]) == [0]
    assert observations["output"][0].endswith("slow\n")


def test_an_episode_that_is_over_is_reset_by_the_next_send(envs: ThreadVectorEnv) -> None:
    envs.async_reset(seed=0)
    received_ids(envs, 3)
    for left in (2, 1, 0):
        envs.send(["true"], [2])
        observations, _, _, truncations, _ = envs.recv(1, timeout=600)
        assert observations["steps_left"][0] == left
    assert truncations[0]
    envs.send(["echo ignored"], [2])
    observations, _, _, truncations, _ = envs.recv(1, timeout=600)
    assert observations["output"][0].startswith("# Zoo")
    assert not truncations[0]


def test_what_is_not_ready_in_time_is_not_lost(envs: ThreadVectorEnv) -> None:
    envs.async_reset(seed=0)
    received_ids(envs, 3)
    marker = f"866025{uuid.uuid4().int % 10**9}"
    envs.send([f"sleep {marker}", "true"], [0, 1])
    assert eventually(lambda: "1 of 2 environments were done within 0.5 s" in timed_out(envs))
    wake(marker)
    assert received_ids(envs, 2) == [1, 0]


def test_mistakes_are_named(envs: ThreadVectorEnv) -> None:
    with pytest.raises(ValueError, match="batch_size=1, but 0 are in flight"):
        envs.recv()
    envs.async_reset(seed=0)
    with pytest.raises(ValueError, match=r"environments \[0, 1, 2\] are busy: recv"):
        envs.reset(seed=0)
    with pytest.raises(ValueError, match="environment 1 is still busy"):
        envs.send(["true"], [1])
    received_ids(envs, 3)
    with pytest.raises(ValueError, match=r"one action for each of \[0, 1\], found 1"):
        envs.send(["true"], [0, 1])


def test_closing_ends_what_is_in_flight(envs: ThreadVectorEnv) -> None:
    envs.async_reset(seed=0)
    received_ids(envs, 3)
    envs.send(["sleep 600", "sleep 600"], [0, 2])
    started = time.monotonic()
    envs.close()
    assert time.monotonic() - started < 100
    with pytest.raises(ClosedEnvironmentError):
        envs.send(["true"], [1])


def test_a_trainer_chooses_the_next_episode_of_one_environment(envs: ThreadVectorEnv) -> None:
    envs.async_reset(seed=0)
    received_ids(envs, 3)
    envs.send(["submit"], [1])
    received_ids(envs, 1)
    envs.async_reset(options=[{"variant": 5}], env_ids=[1])
    envs.send(["echo on"], [0])  # not held up by the reset
    found = {}
    for _ in range(2):
        *_, infos = envs.recv(1, timeout=600)
        found[int(infos["env_id"][0])] = int(infos["variant"][0])
    assert found == {0: 0, 1: 5}

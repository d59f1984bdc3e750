from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import mle_gym
from mle_gym.curricula import StateBuffer
from mle_gym.errors import SnapshotError


class Token:
    """In place of a snapshot where only its end matters."""

    def __init__(self) -> None:
        self.deleted = False

    def delete(self) -> None:
        self.deleted = True


def filled(count: int, **settings: Any) -> StateBuffer:
    buffer = StateBuffer(count, **settings)
    for number in range(count):
        buffer.add(Token(), [number])  # type: ignore[arg-type]
    return buffer


def test_states_where_returns_differ_are_drawn_more_often() -> None:
    buffer, rng = filled(3, explore=0.1), np.random.default_rng(0)
    for _ in range(20):
        for state, returns in zip(buffer.states, ([0, 0], [0, 1], [1, 1]), strict=True):
            buffer.update(state, np.array(returns))  # type: ignore[arg-type]
    drawn = [buffer.sample(rng).prefix[0] for _ in range(300)]
    assert drawn.count(1) > 250
    assert {0, 2} <= set(drawn)
    assert buffer.states[1].returns == [0.5] * 20


def test_a_full_buffer_drops_the_state_from_which_least_is_learned() -> None:
    buffer = filled(2)
    first, second = buffer.states
    buffer.update(second, [0.5, 0.5])
    third = buffer.add(Token())  # type: ignore[arg-type]
    assert buffer.states == [first, third]
    assert second.snapshot.deleted  # type: ignore[attr-defined]
    buffer.update(second, [1.0])  # a group that began there may still be running
    buffer.close()
    assert first.snapshot.deleted  # type: ignore[attr-defined]
    assert buffer.states == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"capacity": 0}, "capacity must be at least 1"),
        ({"capacity": 1, "memory": 2}, "memory must be from 0 to 1"),
        ({"capacity": 1, "explore": -1}, "explore must be from 0 to 1"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StateBuffer(**settings)


def test_nothing_can_be_drawn_from_an_empty_buffer() -> None:
    with pytest.raises(ValueError, match="the buffer is empty"):
        StateBuffer(1).sample(np.random.default_rng(0))


@pytest.fixture
def envs() -> Iterator[Any]:
    made = mle_gym.make_vec(
        "zoo", 2, sandbox="bubblewrap", max_steps=3, autoreset_mode="disabled", warm=False
    )
    yield made
    made.close()


@pytest.mark.bubblewrap
def test_a_group_begins_at_a_kept_state_and_knows_its_prefix(envs: Any) -> None:
    envs.reset(seed=0)
    envs.step(["echo one > file", "true"])
    buffer = StateBuffer(1)
    state = buffer.add(envs.envs[0].unwrapped.snapshot(), ["echo one > file"])
    observations, infos = envs.reset_group(options=state.options)
    assert infos["prefix_steps"].tolist() == [1, 1]
    assert observations["steps_left"].tolist() == [2, 2]
    observations, *_, infos = envs.step(["cat file", "cat file; rm file"])
    assert observations["output"] == ("one\n", "one\n")
    assert "prefix_steps" not in infos
    buffer.close()
    with pytest.raises(SnapshotError, match="was deleted"):
        envs.reset_group(options=state.options)

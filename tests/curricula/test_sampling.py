from __future__ import annotations

import numpy as np
import pytest

import mle_gym
from mle_gym.errors import TaskError

pytestmark = pytest.mark.usefixtures("springs")


def test_a_seed_draws_the_same_instances_again() -> None:
    first, again = (
        [mle_gym.sample_task(rng) for _ in range(5)]
        for rng in (np.random.default_rng(3), np.random.default_rng(3))
    )
    assert first == again
    assert len({each["variant"] for each in first}) == 5
    assert {each["size"] for each in first} == {"small"}
    assert all(0 <= each["difficulty"] <= 1 for each in first)


def test_training_variants_are_never_of_held_out_families() -> None:
    rng = np.random.default_rng(0)
    training = [mle_gym.sample_task(rng) for _ in range(30)]
    assert {each["task"] for each in training} == {"springs"}
    assert all(each["variant"] > 0 for each in training)
    heldout = [mle_gym.sample_task(rng, variant="heldout") for _ in range(30)]
    assert {each["task"] for each in heldout} == {"springs", "levers"}
    assert all(each["variant"] < 0 for each in heldout)
    with pytest.raises(TaskError, match="no task for training"):
        mle_gym.sample_task(rng, "heldout-families")


def test_sizes_and_difficulties_can_be_limited() -> None:
    rng = np.random.default_rng(0)
    limits = {"sizes": ("small", "full"), "difficulties": (0.4, 0.5)}
    drawn = [mle_gym.sample_task(rng, **limits) for _ in range(30)]
    assert {each["size"] for each in drawn} == {"small", "full"}
    assert all(0.4 <= each["difficulty"] <= 0.5 for each in drawn)
    assert mle_gym.sample_task(rng, "micro")["size"] == "micro"


def test_what_is_drawn_makes_an_environment() -> None:
    env = mle_gym.make(**mle_gym.sample_task(np.random.default_rng(0), "micro"))
    assert env.task.id == "springs"

"""What type checkers know of ``mle_gym.make`` and ``make_vec``; only ``scripts/check`` reads it.

What is wrong here is ignored by name, and mypy reports whatever is ignored without being wrong.
"""

from __future__ import annotations

from typing import assert_type

import mle_gym
from mle_gym.episode.snapshot import Snapshot
from mle_gym.vector import ThreadVectorEnv


def right() -> None:
    env = mle_gym.make("titanic", reward="anchored", limits={"memory_mb": 512}, gpus=[0])
    assert_type(env, mle_gym.MLEEnv)
    assert_type(env.snapshot(), Snapshot)
    assert_type(env.fork(), mle_gym.MLEEnv)
    assert_type(env.settings.max_steps, int)
    _, reward, *_ = env.step("ls")
    assert_type(reward, float)
    env.step({"tool": "submit"})

    envs = mle_gym.make_vec("titanic", 2, autoreset_mode="same_step", variant="train")
    assert_type(envs, ThreadVectorEnv)
    envs.async_reset(seed=0)
    envs.send(["ls"], [0])
    envs.recv(batch_size=1, timeout=5)
    assert_type(envs.num_envs, int)


def wrong() -> None:
    mle_gym.make("titanic", rewrad="score")  # type: ignore[call-arg]
    mle_gym.make("titanic", max_steps="5")  # type: ignore[arg-type]
    mle_gym.make("titanic", feedback="all")  # type: ignore[arg-type]
    mle_gym.make_vec("titanic", render_mode=1)  # type: ignore[arg-type]
    mle_gym.MLEEnv("titanic", warm=None)  # type: ignore[arg-type]
    mle_gym.make("titanic").async_reset()  # type: ignore[attr-defined]

"""Copies of running environments, for tree search and group rollouts."""

from __future__ import annotations

import copy
from typing import Any, TypeVar, cast

import gymnasium

from mle_gym.env import MLEEnv

__all__ = ["fork"]

Environment = TypeVar("Environment", bound=gymnasium.Env[Any, Any])


def fork(env: Environment) -> Environment:
    """A running copy of a running environment, including wrappers and their state.

    >>> env = gymnasium.make("mle/titanic-v0")
    >>> env.reset(seed=0)
    >>> twin = fork(env)
    >>> twin.step("rm -rf *")           # env keeps its files

    The copy has its own sandbox with the same files, directory, variables and budget, and the
    caller must close it. :class:`~mle_gym.episode.snapshot.Snapshot` lists what is not copied. To
    continue from one state later, repeatedly or elsewhere, take a snapshot instead.

    Raises:
        TypeError: There is no :class:`~mle_gym.env.MLEEnv` inside the wrappers.
        gymnasium.error.ResetNeeded: No episode is running.
    """
    if isinstance(env, MLEEnv):
        return cast("Environment", env.fork())
    if not isinstance(env, gymnasium.Wrapper):
        raise TypeError(f"only an MLEEnv can be forked, and wrappers around one, not {env!r}")
    inner = fork(env.env)
    try:
        # The inner environment is in the memo, so that it isn't copied again.
        return copy.deepcopy(env, {id(env.env): inner})
    except BaseException:
        inner.close()
        raise

"""Adopts the step limit that Gymnasium's wrappers put around an environment."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import gymnasium
from gymnasium.wrappers import TimeLimit

from mle_gym.episode.settings import Settings
from mle_gym.episode.snapshot import Snapshot

__all__ = ["within_time_limit"]


def within_time_limit(
    env: gymnasium.Env[Any, Any], settings: Settings, snapshot: Snapshot | None
) -> Settings:
    """The settings with ``max_steps`` lowered to the limit of every ``TimeLimit`` around ``env``.

    ``gymnasium.make(…, max_episode_steps=…)`` and ``TimeLimit`` end an episode from outside. The
    environment would not notice, and the episode would end without a grade.

    Args:
        env: The environment, whose ``reset`` is being called.
        settings: Its settings.
        snapshot: What the episode continues from; a wrapper counts steps from there.
    """
    taken = snapshot.steps_taken if isinstance(snapshot, Snapshot) else 0
    limits = [taken + each._max_episode_steps for each in _callers(env)]
    return dataclasses.replace(settings, max_steps=min([settings.max_steps, *limits]))


def _callers(env: gymnasium.Env[Any, Any]) -> list[TimeLimit[Any, Any]]:
    """The ``TimeLimit`` wrappers around an environment.

    An environment has no reference to its wrappers. They are found among the callers, since every
    wrapper's ``reset`` calls the ``reset`` of what it wraps.
    """
    found: list[TimeLimit[Any, Any]] = []
    inner, frame = env, sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        caller = frame.f_locals.get("self")
        if isinstance(caller, gymnasium.Wrapper) and caller.env is inner:
            inner = caller
            if isinstance(caller, TimeLimit):
                found.append(caller)
    return found

"""An environment of Gymnasium's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import pytest


@pytest.fixture
def env() -> Iterator[gym.Env[Any, Any]]:
    env = gym.make("CartPole-v1")
    yield env
    env.close()

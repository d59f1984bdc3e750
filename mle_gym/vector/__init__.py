"""Vector environments: what ``gymnasium.make_vec`` returns for an id of ``mle/…``."""

from __future__ import annotations

from mle_gym.vector.thread_vector import ThreadVectorEnv

__all__ = ["ThreadVectorEnv"]

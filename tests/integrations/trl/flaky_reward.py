"""A caller's reward function that fails for every second grade."""

from __future__ import annotations

import itertools

from mle_gym.grading.grade import Grade

_calls = itertools.count()


def reward(grade: Grade) -> float:
    """The normalized score, or an error."""
    if next(_calls) % 2:
        raise ValueError("no reward today")
    return 0.25

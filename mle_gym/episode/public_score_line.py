"""The line in which ``score`` answers, and how whoever watches an episode finds it again."""

from __future__ import annotations

import re

from mle_gym.episode.actions.action import Action, Score, Shell

__all__ = ["public_score", "public_score_line"]

_LINE = re.compile(r"^public score: (-?[\d.]+(?:e[-+]?\d+)?) \(\d+ calls? left\)$", re.M)


def public_score_line(score: float, calls_left: int) -> str:
    """The answer to a call of ``score``."""
    return f"public score: {score:.5f} ({calls_left} calls left)\n"


def public_score(action: Action | None, output: str) -> float | None:
    """The last public score that a step showed; None if it showed none.

    An agent could print such a line itself, so nothing but a display may rest on it.
    """
    asked = isinstance(action, Score) or (isinstance(action, Shell) and "score" in action.command)
    found = _LINE.findall(output) if asked else []
    try:
        return float(found[-1]) if found else None
    except ValueError:
        return None

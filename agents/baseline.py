"""Plays a task's own ``baseline.py``, which shows the score of a first honest attempt.

mle-gym run titanic --agent baseline
"""

from __future__ import annotations

from mle_gym.agents import ProgramAgent


class BaselineAgent(ProgramAgent):
    """Writes the task's ``baseline.py`` into the workspace, runs it and submits."""

    name = "baseline"

    def __init__(self) -> None:
        super().__init__("baseline.py")

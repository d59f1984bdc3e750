"""Plays a task's own ``solution.py``: the reference that shows a task can be solved.

mle-gym run titanic --agent solution
"""

from __future__ import annotations

from mle_gym.agents import ProgramAgent


class SolutionAgent(ProgramAgent):
    """Writes the task's ``solution.py`` into the workspace, runs it and submits."""

    name = "solution"

    def __init__(self) -> None:
        super().__init__("solution.py")

"""Whether a task is sound, and whether an agent can play."""

from __future__ import annotations

from pathlib import Path

from mle_gym.agents import Agent, load_agent
from mle_gym.authoring.validate_task import validate_task
from mle_gym.make_env import make
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["check_agent", "check_task"]


def check_task(folder: str | Path, *, run_programs: bool = True, sandbox: str = "auto") -> None:
    """Check a task folder as ``mle-gym validate-task`` does, from its schema to its solution.

    Args:
        folder: The task folder.
        run_programs: Whether to run ``baseline.py`` and ``solution.py``.
        sandbox: Name of the sandbox backend.

    Raises:
        AssertionError: One line for each check that failed.
    """
    checks = validate_task(folder, run_programs=run_programs, sandbox=sandbox)
    failed = [f"{check.name}: {check.detail}" for check in checks if not check.passed]
    if failed:
        raise AssertionError(f"{folder} is not sound:\n" + "\n".join(failed))


def check_agent(
    agent: str | Agent, *, task: str = "titanic", max_steps: int = 10, sandbox: str = "auto"
) -> Trajectory:
    """Let an agent play an episode twice, which it must end both times with a grade.

    The second episode shows whether ``reset`` forgets the first.

    Args:
        agent: An agent, or what :func:`mle_gym.load_agent` finds it by.
        task: What it plays.
        max_steps: Steps that it has for each episode.
        sandbox: Name of the sandbox backend.

    Returns:
        The second episode.

    Raises:
        AssertionError: An episode failed, or has no valid submission.
        Exception: Whatever the agent raises.
    """
    player = load_agent(agent) if isinstance(agent, str) else agent
    with make(task, max_steps=max_steps, sandbox=sandbox) as env:
        _require_a_grade(rollout(env, player, seed=0))
        second = rollout(env, player, seed=0)
        _require_a_grade(second)
    return second


def _require_a_grade(played: Trajectory) -> None:
    grade = played.grade
    if played.failure is not None:
        raise AssertionError(f"the episode failed: {played.failure['message']}")
    if grade is None or not grade["valid"]:
        reason = "it left" if grade is None else grade["error_message"]
        raise AssertionError(f"the agent handed in nothing valid: {reason}")

"""Plays what is missing of an evaluation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from mle_gym.errors import PlanError
from mle_gym.evaluation.engine import Engine, Watch
from mle_gym.evaluation.evaluation_folder import EvaluationFolder, Run, read_run
from mle_gym.evaluation.local_engine import LocalEngine
from mle_gym.evaluation.plan import Episode, Plan
from mle_gym.evaluation.play_episode import Phase
from mle_gym.evaluation.result import Result
from mle_gym.file_lock import file_lock

__all__ = ["Unwatched", "evaluate", "missing_episodes"]


class Unwatched:
    """A watch that shows nothing."""

    def began(self, episode: Episode) -> None:
        """An episode is being played."""

    def changed(self, episode: Episode, phase: Phase) -> None:
        """It does something else now."""

    def ended(self, episode: Episode, result: Result) -> None:
        """Its result is written."""


def evaluate(
    plan: Plan | None,
    folder: str | Path,
    *,
    resume: bool = False,
    engine: Engine | None = None,
    watch: Watch | None = None,
) -> Run:
    """Play every episode of a plan that has no result yet.

    The plan is written before anything is played, and each result as soon as it is known. Whatever
    stops this, the same call with ``resume`` plays what is missing, and episodes that failed
    although they could have succeeded.

    Args:
        plan: What to play. None resumes with the plan in the folder.
        folder: For the plan, the results and the trajectories.
        resume: Go on in a folder that has a plan. The new plan may be larger than the old one.
        engine: Where episodes are played; by default on this machine.
        watch: Is told what happens.

    Raises:
        PlanError: The folder has a plan already, or another one; or the plan can't be used.
        AgentError: An agent of the plan is unknown.
        TaskError: A task of the plan is unknown or broken.
        TimeoutError: Another process plays in this folder.
    """
    files = EvaluationFolder(folder)
    if plan is None:
        plan, resume = files.read_plan(), True
    plan = plan.check()
    if files.plan_path.exists():
        _continue(files, plan, resume)
    files.path.mkdir(parents=True, exist_ok=True)
    watch = watch or Unwatched()
    with _alone(files):
        files.write_plan(plan)
        played = (engine or LocalEngine()).play(plan, missing_episodes(plan, files), files, watch)
        with contextlib.closing(played):  # type: ignore[type-var]  # a generator
            for episode, result in played:
                files.write_result(episode, result)
                watch.ended(episode, result)
    return read_run(files.path)


def missing_episodes(plan: Plan, files: EvaluationFolder) -> list[Episode]:
    """Episodes without a result, or whose failure may not happen again."""
    found = []
    for episode in plan.episodes:
        result = files.read_result(episode)
        if result is None or (result.failure is not None and result.failure["retryable"]):
            found.append(episode)
    return found


def _alone(files: EvaluationFolder) -> contextlib.AbstractContextManager[object]:
    """Keeps two evaluations from playing in one folder."""
    return file_lock(files.path / ".lock", timeout=1)


def _continue(files: EvaluationFolder, plan: Plan, resume: bool) -> None:
    """Check that a plan may go on where another one was.

    Raises:
        PlanError: It may not; says why and what to do.
    """
    if not resume:
        raise PlanError(f"{files.path} has an evaluation already: --resume plays what is missing")
    old = files.read_plan()
    for name in ("environment", "tries"):
        if getattr(old, name) != getattr(plan, name):
            raise PlanError(_other(files, name, getattr(old, name), getattr(plan, name)))
    new = {agent.name: agent for agent in plan.agents}
    for agent in old.agents:
        if new.get(agent.name) != agent:
            raise PlanError(_other(files, f"agents: {agent.name}", agent, new.get(agent.name)))
    for name in ("tasks", "variants", "seeds"):
        if lost := _lost(getattr(old, name), getattr(plan, name)):
            raise PlanError(f"{files.path}: {name}: the evaluation there also has {lost}")


def _lost(old: Iterable[object], new: Iterable[object]) -> str:
    kept = set(new)
    return ", ".join(str(each) for each in old if each not in kept)


def _other(files: EvaluationFolder, name: str, old: object, new: object) -> str:
    return (
        f"{files.path} has an evaluation with another plan: {name} was {old}, now {new}; "
        "name another folder, or leave everything out but --resume to go on with the old plan"
    )

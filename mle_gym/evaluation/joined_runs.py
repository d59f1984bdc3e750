"""Two evaluations as one, so that every figure of one run can be had of two side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mle_gym.errors import PlanError
from mle_gym.evaluation.evaluation_folder import Run
from mle_gym.evaluation.plan import AgentEntry, Episode, Plan

__all__ = ["JoinedRuns", "join_runs"]

LONGEST = 39
"""Characters of an agent's and of a run's name in a joined one; a plan has room for 80."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class JoinedRuns:
    """The agents of two evaluations on what both have planned."""

    run: Run
    """As one evaluation, in which each agent's name ends with that of its run."""
    origins: dict[str, tuple[int, Episode]]
    """The id of each episode to the run that it is from, 0 or 1, and to the episode there."""


def join_runs(first: Run, second: Run) -> JoinedRuns:
    """Join two evaluations on the tasks, variants and seeds that both have planned.

    Raises:
        PlanError: They have no task, variant or seed in common, or agents with names so long that
            they can't be told apart.
    """
    runs = (first, second)
    agents = [_renamed(runs, at) for at in (0, 1)]
    origins = {
        Episode(agents[at][each.agent].name, each.env_id, each.env_id, each.variant, each.seed): (
            at,
            each,
        )
        for at, run in enumerate(runs)
        for each in run.plan.episodes
    }
    try:
        plan = _common_plan(runs, [*agents[0].values(), *agents[1].values()])
    except ValueError as error:
        raise PlanError(f"{first.folder} and {second.folder}: {error}") from error
    return _joined(runs, plan, {each: origins[each] for each in plan.episodes})


def _common_plan(runs: tuple[Run, Run], agents: Sequence[AgentEntry]) -> Plan:
    plans = [run.plan for run in runs]
    tasks = _common("task", [tuple(plan.env_ids.values()) for plan in plans])
    return Plan(
        agents=tuple(agents),
        tasks=tasks,
        variants=_common("variant", [plan.variants for plan in plans]),
        seeds=_common("seed", [plan.seeds for plan in plans]),
        ids={env_id: env_id for env_id in tasks},
    )


def _joined(
    runs: tuple[Run, Run], plan: Plan, origins: dict[Episode, tuple[int, Episode]]
) -> JoinedRuns:
    known = [
        {(each.agent, each.task, each.variant, each.seed): each for each in run.results}
        for run in runs
    ]
    results, missing = [], []
    for episode, (at, own) in origins.items():
        result = known[at].get((own.agent, own.env_id, own.variant, own.seed))
        if result is None:
            missing.append(episode)
        else:
            results.append(result.model_copy(update={"agent": episode.agent}))
    title = Path(" and ".join(_names(runs)))
    run = Run(title, plan, tuple(results), tuple(missing))
    return JoinedRuns(run, {each.id: origin for each, origin in origins.items()})


def _common(what: str, lists: Sequence[Sequence[_T]]) -> tuple[_T, ...]:
    """What both lists have, in the order of the first."""
    found = tuple(each for each in lists[0] if each in lists[1])
    if not found:
        raise ValueError(f"they have no {what} in common")
    return found


def _renamed(runs: tuple[Run, Run], at: int) -> dict[str, AgentEntry]:
    """The agents of one run by their names there, with names that no agent of the other has."""
    ending = _names(runs)[at]
    return {
        each.name: each.model_copy(update={"name": f"{each.name[:LONGEST]}.{ending}"})
        for each in runs[at].plan.agents
    }


def _names(runs: tuple[Run, Run]) -> list[str]:
    """The runs' names as far as an agent's name may have them; numbers where they are equal."""
    names = [re.sub(r"[^\w+.-]", "-", run.name, flags=re.ASCII)[:LONGEST] for run in runs]
    return names if names[0] != names[1] else ["1", "2"]

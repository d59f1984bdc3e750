"""An evaluation as the page's first view shows it: figures, and a row for each episode."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from mle_gym.errors import TaskError
from mle_gym.evaluation.comparison import compare_agents
from mle_gym.evaluation.evaluation_folder import Run
from mle_gym.evaluation.plan import Episode
from mle_gym.evaluation.result import Result
from mle_gym.evaluation.summary import summarize
from mle_gym.report.shortening import plain, shorten, to_json
from mle_gym.tasks.catalog import load_task, task_folders
from mle_gym.trajectories.audit import RULES

__all__ = ["FIELDS", "overview_of_results", "overview_of_run"]

FIELDS = (
    "id", "agent", "task", "variant", "seed", "outcome", "reason", "message", "metric", "score",
    "public_score", "anchored", "percentile", "medal", "steps", "seconds", "tokens", "cost",
    "first_valid_step", "integrity", "findings", "tries", "recorded",
)  # fmt: skip
"""Of an episode's row. Rows are lists, so that ten thousand of them stay small."""
LONGEST_MESSAGE = 300


def overview_of_run(run: Run, running: Sequence[Episode] = ()) -> dict[str, Any]:
    """The overview of an evaluation.

    Args:
        run: The evaluation, complete or not.
        running: Episodes that have a record but no result yet.
    """
    summary = summarize(run)
    kinds = _by_kind(run)
    names = [each.name for each in run.plan.agents]
    ids = _ids(run)
    rows = [_row(ids[_key(result)], result) for result in run.results]
    begun = {each.id for each in running}
    rows += [_unplayed(each, each.id in begun) for each in run.missing]
    budgets = {each.name: each.budget.model_dump(exclude_none=True) for each in run.plan.agents}
    return _with_version(
        {
            "name": run.name,
            "kind": "evaluation",
            "agents": names,
            "tasks": list(run.plan.env_ids.values()),
            "variants": len(run.plan.variants),
            "seeds": len(run.plan.seeds),
            "environment": plain(run.plan.environment),
            "budgets": plain({name: each for name, each in budgets.items() if each}),
            "summary": plain_summary(summary.to_dict()),
            "kinds": [plain(each) for each in kinds],
            "rules": {rule: each.meaning for rule, each in RULES.items()},
            "fields": list(FIELDS),
            "episodes": rows,
        }
    )


def overview_of_results(
    name: str, results: Sequence[tuple[str, Result]], tree: dict[str, Any] | None
) -> dict[str, Any]:
    """The overview of records that no plan holds together: no statistics, only their list.

    Args:
        name: Of their folder.
        results: What each came to, with the name of its file.
        tree: The attempts of a search, if the folder is one's.
    """
    return _with_version(
        {
            "name": name,
            "kind": "search" if tree else "records",
            "agents": list(dict.fromkeys(each.agent for _, each in results)),
            "tasks": list(dict.fromkeys(each.task for _, each in results)),
            "summary": None,
            "tree": tree,
            "rules": {rule: each.meaning for rule, each in RULES.items()},
            "fields": list(FIELDS),
            "episodes": [_row(file, each) for file, each in results],
        }
    )


def _by_kind(run: Run) -> list[dict[str, Any]]:
    """The agents compared on the tasks of each kind, where the run has several kinds."""
    tasks: dict[str, list[str]] = defaultdict(list)
    known = task_folders()  # a plan may name tasks that are not
    for env_id in run.plan.env_ids.values():
        name = re.sub(r"^mle/|-v\d+$", "", env_id)
        if name in known:
            with contextlib.suppress(TaskError):
                tasks[load_task(name).kind].append(env_id)
    found = []
    for kind, own in tasks.items() if len(tasks) > 1 else ():
        some = replace(run, results=tuple(each for each in run.results if each.task in own))
        compared = compare_agents(some, np.random.default_rng(0))
        found.append({"kind": kind, "tasks": own, "comparisons": [asdict(c) for c in compared]})
    return found


def plain_summary(values: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a summary, with all cells and comparisons however many there are."""
    lists = {"cells", "agents", "comparisons"}
    return {
        name: [plain(each) for each in value] if name in lists else plain(value)
        for name, value in values.items()
    }


def _ids(run: Run) -> dict[tuple[str, str, int, int], str]:
    return {
        (each.agent, each.env_id, each.variant, each.seed): each.id for each in run.plan.episodes
    }


def _key(result: Result) -> tuple[str, str, int, int]:
    return result.agent, result.task, result.variant, result.seed


def _row(name: str, result: Result) -> list[Any]:
    values = {field: getattr(result, field, None) for field in FIELDS} | {
        "id": name,
        "outcome": _outcome(result),
        "message": shorten(result.message, LONGEST_MESSAGE),
        "tokens": result.tokens or None,
        "cost": result.cost or None,
        "recorded": result.trajectory is not None,
    }
    return [plain(values[field]) for field in FIELDS]


def _outcome(result: Result) -> str:
    if result.status == "graded":
        return "valid" if result.valid else "invalid"
    return result.status


def _unplayed(episode: Episode, begun: bool) -> list[Any]:
    values = {
        "id": episode.id,
        "agent": episode.agent,
        "task": episode.env_id,
        "variant": episode.variant,
        "seed": episode.seed,
        "outcome": "running" if begun else "missing",
        "recorded": begun,
    }
    return [values.get(field) for field in FIELDS]


def _with_version(values: dict[str, Any]) -> dict[str, Any]:
    """Add a digest of everything, by which a page that is open sees that there is more."""
    digest = hashlib.sha256(to_json(values).encode()).hexdigest()[:16]
    return values | {"version": digest}

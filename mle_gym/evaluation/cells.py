"""One agent on one task, in figures."""

from __future__ import annotations

import statistics as of_python
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mle_gym.evaluation import statistics
from mle_gym.evaluation.result import Result
from mle_gym.evaluation.statistics import Clusters, Estimate

__all__ = ["Cell", "Counts", "cell_of", "clusters_of", "counts_of", "row_error", "share"]


@dataclass(frozen=True)
class Counts:
    """How many episodes came to what."""

    planned: int
    graded: int
    agent_failed: int
    failed: int
    missing: int
    valid: int
    """Valid submissions."""
    suspicious: int
    violation: int
    """Episodes by the gravest finding of the audit."""


@dataclass(frozen=True)
class Cell:
    """One agent on one task."""

    agent: str
    task: str
    counts: Counts
    mean: Estimate | None
    worst_case: float
    score: float | None
    """The mean score in the task's own metric, over valid submissions."""
    metric: str
    medals: dict[str, int]
    any_medal: Estimate | None
    """None where the task has no medals."""
    best_at: dict[int, float]
    """The expected best of k episodes."""
    medal_at: dict[int, float]
    """The chance that one of k episodes wins a medal."""
    public_gap: float | None
    """Mean of public minus private score, positive where the public one is better."""
    first_valid_step: float | None
    first_valid_seconds: float | None
    """Medians, over episodes that had a valid submission."""


def counts_of(results: Sequence[Result], planned: int) -> Counts:
    """Count results by how they ended."""
    status = Counter(each.status for each in results)
    labels = Counter(each.integrity for each in results)
    return Counts(
        planned,
        status["graded"],
        status["agent_failed"],
        status["failed"],
        planned - len(results),
        sum(each.valid for each in results),
        labels["suspicious"],
        labels["violation"],
    )


def cell_of(agent: str, task: str, results: list[Result], planned: int) -> Cell:
    """All figures of one agent's results on one task."""
    clusters = clusters_of(results)
    values = [value for each in clusters for value in each]
    valid = [each for each in results if each.valid]
    scores = [each.score for each in valid if each.score is not None]
    with_medals = [each for each in results if each.known] if _has_medals(results) else []
    wins = sum(bool(each.medal) for each in with_medals)
    amounts = [k for k in (1, 2, 3, 4, 5, 8, 10) if k <= len(values)]
    return Cell(
        agent=agent,
        task=task,
        counts=counts_of(results, planned),
        mean=_mean(results, clusters),
        worst_case=sum(values) / planned,
        score=of_python.fmean(scores) if scores else None,
        metric=valid[0].metric if valid else "",
        medals=dict(Counter(each.medal for each in valid if each.medal)),
        any_medal=share(with_medals, lambda each: bool(each.medal)),
        best_at=_by_k(amounts, lambda k: statistics.best_at_k(values, k)),
        medal_at=_by_k(amounts, lambda k: statistics.pass_at_k(wins, len(with_medals), k)),
        public_gap=_public_gap(valid),
        first_valid_step=_median([each.first_valid_step for each in valid]),
        first_valid_seconds=_median([each.first_valid_seconds for each in valid]),
    )


def clusters_of(results: Sequence[Result]) -> Clusters:
    """The values that are known, by variant."""
    found: dict[int, list[float]] = defaultdict(list)
    for each in results:
        if each.value is not None:
            found[each.variant].append(each.value)
    return list(found.values())


def _mean(results: Sequence[Result], clusters: Clusters) -> Estimate | None:
    if not clusters:
        return None
    error = row_error(results)
    return statistics.mean_interval(clusters, [error] if error else []).within(0, 1)


def row_error(results: Sequence[Result]) -> float:
    """The standard error of a single variant's mean over its test rows; 0 with more variants."""
    errors = [each.value_error for each in results if each.value and each.value_error]
    alone = len({each.variant for each in results if each.value is not None}) == 1
    return of_python.fmean(errors) if errors and alone else 0.0


def _has_medals(results: Sequence[Result]) -> bool:
    return any(each.has_medals for each in results)


def _by_k(amounts: Sequence[int], formula: Any) -> dict[int, float]:
    found = {k: formula(k) for k in amounts}
    return {k: value for k, value in found.items() if value is not None}


def _public_gap(valid: Sequence[Result]) -> float | None:
    gaps = [
        (each.public_score - each.score) * (1 if each.higher_is_better else -1)
        for each in valid
        if each.public_score is not None and each.score is not None
    ]
    return of_python.fmean(gaps) if gaps else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return float(of_python.median(known)) if known else None


def share(results: Sequence[Result], hit: Callable[[Result], bool]) -> Estimate | None:
    """The share of hits, with an interval over variants; None if there was nothing to hit."""
    clusters: dict[tuple[str, int], list[float]] = defaultdict(list)
    for each in results:
        clusters[each.task, each.variant].append(float(hit(each)))
    return statistics.proportion(list(clusters.values())) if clusters else None

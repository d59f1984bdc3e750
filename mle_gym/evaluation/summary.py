"""What an evaluation came to: each agent on each task, each agent over all, and agents in pairs.

All means are of ``anchored`` scores: 0 is what needs no knowledge, 1 the reference solution. An
agent that crashed, hung or handed nothing in has 0. A failure of the machinery is no result: it has
a column of its own, and ``worst_case`` shows the mean as if each had been a 0, so that a failure
never makes an agent look better.
"""

from __future__ import annotations

import itertools
import statistics as of_python
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mle_gym.evaluation import statistics
from mle_gym.evaluation.cells import Cell, Counts, cell_of, clusters_of, counts_of, row_error, share
from mle_gym.evaluation.comparison import Comparison, compare_agents
from mle_gym.evaluation.evaluation_folder import Run
from mle_gym.evaluation.result import Result
from mle_gym.evaluation.statistics import Estimate
from mle_gym.evaluation.strengths import Strength, bradley_terry

__all__ = ["AgentRow", "Summary", "summarize"]

RATIOS = np.linspace(1, 4, 61)
"""Of the performance profiles: from as good as the best agent to a quarter of that."""
THRESHOLDS = np.linspace(0, 1, 51)


@dataclass(frozen=True)
class AgentRow:
    """One agent over all tasks."""

    agent: str
    counts: Counts
    mean: Estimate | None
    median: Estimate | None
    iqm: Estimate | None
    worst_case: float
    any_medal: Estimate | None
    rank: float | None
    """The mean place among the agents, over tasks."""
    strength: Strength | None
    """By Bradley and Terry; None with fewer than two agents."""
    profile: list[float]
    """The share of episodes above each of ``Summary.thresholds``."""
    area_under_profile: float | None
    exploit_rate: Estimate | None
    """The share of recorded episodes in which the audit found a violation and the score beat luck:
    in which an exploit was paid."""
    seconds: float | None
    steps: float | None
    tokens: float | None
    cost: float | None
    """Means for an episode; None if any episode doesn't know."""
    on_front: bool
    """Whether no other agent is both cheaper and better. Without costs, seconds count."""
    reasons: dict[str, int]
    """How often an episode ended without a valid submission, by reason."""


@dataclass(frozen=True)
class Summary:
    """An evaluation in figures."""

    name: str
    counts: Counts
    cells: tuple[Cell, ...]
    agents: tuple[AgentRow, ...]
    """The best first, by ``worst_case``."""
    comparisons: tuple[Comparison, ...]
    thresholds: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return asdict(self)


def summarize(run: Run, seed: int = 0) -> Summary:
    """Compute all figures of an evaluation from its results.

    Args:
        run: The evaluation, complete or not.
        seed: Of the bootstrap and of the random permutations.
    """
    rng = np.random.default_rng(seed)
    agents = [each.name for each in run.plan.agents]
    tasks = list(run.plan.env_ids.values())
    found: dict[tuple[str, str], list[Result]] = {
        each: [] for each in itertools.product(agents, tasks)
    }
    for result in run.results:
        found[result.agent, result.task].append(result)
    each_planned = len(run.plan.variants) * len(run.plan.seeds)
    cells = [cell_of(*key, results, each_planned) for key, results in found.items()]
    places, areas = _places(cells), _areas(cells, agents)
    strengths = _strengths(run, agents)
    rows = []
    for agent in agents:
        results = [result for result in run.results if result.agent == agent]
        by_task = [found[agent, task] for task in tasks]
        alone = _agent_row(agent, results, by_task, each_planned * len(tasks), rng)
        place, area, strength = places.get(agent), areas.get(agent), strengths.get(agent)
        rows.append(replace(alone, rank=place, area_under_profile=area, strength=strength))
    return Summary(
        run.name,
        counts_of(run.results, len(run.plan)),
        tuple(cells),
        tuple(sorted(_with_front(rows), key=lambda row: -row.worst_case)),
        compare_agents(run, rng),
        tuple(map(float, THRESHOLDS)),
    )


def _places(cells: Sequence[Cell]) -> dict[str, float]:
    """Each agent's mean place, over the tasks on which all agents have a mean."""
    by_task: dict[str, dict[str, float]] = defaultdict(dict)
    for cell in cells:
        if cell.mean is not None:
            by_task[cell.task][cell.agent] = cell.mean.value
    most = max(map(len, by_task.values()), default=0)
    places: dict[str, list[float]] = defaultdict(list)
    for values in by_task.values():
        if len(values) == most > 1:
            for agent, place in statistics.ranks(values).items():
                places[agent].append(place)
    return {agent: of_python.fmean(each) for agent, each in places.items()}


def _areas(cells: Sequence[Cell], agents: Sequence[str]) -> dict[str, float]:
    """Each agent's area under its profile of ratios, over the tasks that all agents have played."""
    means = {(cell.agent, cell.task): cell.mean.value for cell in cells if cell.mean is not None}
    tasks = sorted({task for _, task in means})
    shared = [task for task in tasks if all((agent, task) in means for agent in agents)]
    if not shared or len(agents) < 2:
        return {}
    scores = {agent: np.array([means[agent, task] for task in shared]) for agent in agents}
    shares = statistics.ratio_profile(scores, RATIOS)
    return {name: statistics.area_under_profile(each, RATIOS) for name, each in shares.items()}


def _strengths(run: Run, agents: Sequence[str]) -> dict[str, Strength]:
    """Strengths from every pair of agents on every variant that both have played.

    The seeds of a variant share its data, so together they are one meeting.
    """
    played: dict[tuple[str, int], dict[int, dict[str, float]]]
    played = defaultdict(lambda: defaultdict(dict))
    for each in run.results:
        if each.value is not None:
            played[each.task, each.variant][each.seed][each.agent] = each.value
    wins: dict[tuple[str, str], float] = defaultdict(float)
    for seeds in played.values():
        for one, other in itertools.permutations(agents, 2):
            met = [each for each in seeds.values() if one in each and other in each]
            won = sum((e[one] > e[other]) + (e[one] == e[other]) / 2 for e in met)
            wins[one, other] += won / len(met) if met else 0.0
    return bradley_terry(wins) if len(agents) > 1 and any(wins.values()) else {}


def _middles(
    played: Sequence[list[Result]], rng: np.random.Generator
) -> tuple[Estimate | None, Estimate | None, Estimate | None]:
    """Mean, median and interquartile mean over tasks; None where nothing is known."""
    if not played:
        return None, None, None
    tasks = [clusters_of(each) for each in played]
    figures = (_mean_of, _median_of, statistics.iqm)
    found = statistics.bootstrap(tasks, figures, rng, [row_error(each) for each in played])
    mean, median, iqm = (each.within(0, 1) for each in found)
    return mean, median, iqm


def _agent_row(
    agent: str,
    results: list[Result],
    by_task: Sequence[list[Result]],
    planned: int,
    rng: np.random.Generator,
) -> AgentRow:
    """The figures of one agent that depend on no other; what compares it with others is None."""
    played = [each for each in by_task if clusters_of(each)]
    tasks = [clusters_of(each) for each in played]
    values = np.array([value for task in tasks for cluster in task for value in cluster])
    with_medals = [each for each in results if each.has_medals and each.known]
    recorded = [each for each in results if each.integrity is not None]
    mean, median, iqm = _middles(played, rng)
    return AgentRow(
        agent=agent,
        counts=counts_of(results, planned),
        mean=mean,
        median=median,
        iqm=iqm,
        worst_case=float(values.sum()) / planned,
        any_medal=share(with_medals, lambda each: bool(each.medal)),
        rank=None,
        strength=None,
        profile=list(map(float, statistics.profile(values, THRESHOLDS))) if len(values) else [],
        area_under_profile=None,
        exploit_rate=share(recorded, lambda each: each.exploited),
        seconds=_mean_if_known([each.seconds for each in results]),
        steps=_mean_if_known([each.steps for each in results]),
        tokens=_mean_if_known([each.tokens for each in results]),
        cost=_mean_if_known([each.cost for each in results]),
        on_front=False,
        reasons=dict(Counter(each.reason for each in results if each.reason).most_common()),
    )


def _mean_of(values: Any) -> Any:
    return np.mean(values, axis=-1)


def _median_of(values: Any) -> Any:
    return np.median(values, axis=-1)


def _mean_if_known(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return of_python.fmean(known) if known and len(known) == len(values) else None


def _with_front(rows: Sequence[AgentRow]) -> list[AgentRow]:
    """Mark those that no other agent betters in both price and result.

    Where a cost isn't known, or nothing cost anything, time is the price.
    """
    prices = {row.agent: row.cost for row in rows}
    if None in prices.values() or not any(prices.values()):
        prices = {row.agent: row.seconds for row in rows}
    points = {
        row.agent: (price, row.worst_case)
        for row in rows
        if (price := prices[row.agent]) is not None
    }
    best = statistics.front(points)
    return [AgentRow(**{**vars(row), "on_front": row.agent in best}) for row in rows]

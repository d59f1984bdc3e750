"""Two agents compared on the episodes that both have played."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mle_gym.evaluation import statistics
from mle_gym.evaluation.evaluation_folder import Run
from mle_gym.evaluation.result import Result
from mle_gym.evaluation.statistics import Estimate

__all__ = ["Comparison", "compare_agents", "paired"]


@dataclass(frozen=True)
class Comparison:
    """How much better the first agent is than the second."""

    first: str
    second: str
    pairs: int
    """Episodes of the same task, variant and seed that both have a result of."""
    blocks: int
    """Pairs of a task and a variant, which are independent: their seeds share data."""
    difference: Estimate | None
    """The mean difference of anchored scores, with Student's interval over blocks."""
    p: float | None
    """Two-sided, of a randomization test over blocks; None without pairs."""
    p_adjusted: float | None
    """The same, adjusted for all comparisons of this evaluation (Holm)."""
    improvement: float | None
    """The chance that an episode of the first beats one of the second on a task drawn at random."""


def compare_agents(run: Run, rng: np.random.Generator) -> tuple[Comparison, ...]:
    """Every pair of an evaluation's agents."""
    names = [each.name for each in run.plan.agents]
    of = {name: [each for each in run.results if each.agent == name] for name in names}
    found = [
        paired(first, of[first], second, of[second], rng)
        for first, second in itertools.combinations(names, 2)
    ]
    tested = [at for at, each in enumerate(found) if each.p is not None]
    adjusted = statistics.holm([p for each in found if (p := each.p) is not None])
    for at, value in zip(tested, adjusted, strict=True):
        found[at] = replace(found[at], p_adjusted=value)
    return tuple(found)


def paired(
    first: str,
    ours: Sequence[Result],
    second: str,
    theirs: Sequence[Result],
    rng: np.random.Generator,
) -> Comparison:
    """Compare two agents on what both have played. A pair in which one failed is left out of both.

    Args:
        first: The name of one agent.
        ours: Its results.
        second: The name of the other.
        theirs: Its results, in this evaluation or in another one.
        rng: For a randomization test with many blocks.
    """
    other = {_key(each): each.value for each in theirs if each.value is not None}
    blocks: dict[tuple[str, int], list[float]] = defaultdict(list)
    tasks: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for each in ours:
        value, against = each.value, other.get(_key(each))
        if value is not None and against is not None:
            blocks[each.task, each.variant].append(value - against)
            tasks[each.task][0].append(value)
            tasks[each.task][1].append(against)
    if not blocks:
        return Comparison(first, second, 0, 0, None, None, None, None)
    means = [float(np.mean(each)) for each in blocks.values()]
    pairs = sum(map(len, blocks.values()))
    mean = Estimate(means[0])
    if len(means) > 1:
        mean = statistics.mean_interval([[each] for each in means]).within(-1, 1)
    return Comparison(
        first,
        second,
        pairs,
        len(blocks),
        mean,
        statistics.paired_test(means, rng),
        None,
        statistics.probability_of_improvement(
            [np.array(each[0]) for each in tasks.values()],
            [np.array(each[1]) for each in tasks.values()],
        ),
    )


def _key(result: Result) -> tuple[str, int, int]:
    return result.task, result.variant, result.seed

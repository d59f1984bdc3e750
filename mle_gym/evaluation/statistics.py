"""The formulas of an evaluation, on plain arrays. Each says where it comes from.

An agent's values on one task come in *clusters*, one for each variant: the episodes of a cluster
share their test rows and differ in their seeds. Intervals respect that, since episodes of the same
variant are no independent evidence of how an agent does on the task.

It needs scipy, which scikit-learn brings along. Holm's formula is a few lines, so it is written
here and tested against statsmodels, which would be a large dependency for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = [
    "Clusters",
    "Estimate",
    "area_under_profile",
    "best_at_k",
    "bootstrap",
    "holm",
    "iqm",
    "mean_interval",
    "paired_test",
    "pass_at_k",
    "probability_of_improvement",
    "profile",
    "proportion",
    "ratio_profile",
]

Array = npt.NDArray[np.float64]
Clusters = Sequence[Sequence[float]]
"""One agent's values on one task: a sequence for each variant."""

LEVEL = 0.95
DRAWS = 1000
FLIPS, FLIPS_AT_ONCE = 20_000, 2_000
MOST_VALUES = 4_000_000
"""How many values of a bootstrap are in memory at a time."""
_NORMAL = float(stats.norm.ppf((1 + LEVEL) / 2))
EXACT = 12
"""Up to this many pairs, all their signs are tried in place of random ones."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% interval; None where there is too little to say how wide it is."""

    value: float
    low: float | None = None
    high: float | None = None

    def within(self, least: float, most: float) -> Estimate:
        """The same, without the part of the interval where the figure can't lie."""
        if self.low is None or self.high is None:
            return self
        return Estimate(self.value, max(self.low, least), min(self.high, most))

    def to_dict(self) -> dict[str, float | None]:
        """The fields by name."""
        return dict(vars(self))


def mean_interval(clusters: Clusters, row_errors: Sequence[float] = ()) -> Estimate:
    """The mean of one agent on one task, with an interval over seeds, variants *and* test rows.

    With two variants or more, the variants' means are independent and contain all three sources,
    so this is Student's interval of their mean. With a single variant, its seeds say nothing about
    its test rows; the rows' variance, which the grade's own bootstrap has measured, is added to the
    squared half width. Student's t in place of a percentile bootstrap: with three values the
    latter covers 75% where it says 95% (Hesterberg 2015, *What teachers should know about the
    bootstrap*, section 3); ``benchmarks/coverage.py`` measures both.

    Args:
        clusters: The values by variant.
        row_errors: For a single variant, the standard error over its test rows, of each value that
            has one.
    """
    means = np.array([np.mean(each) for each in clusters])
    value = float(means.mean())
    if len(clusters) > 1:
        return _around(value, _half_width(means))
    (values,) = clusters
    squares = []
    if len(values) > 1:
        squares.append(_half_width(np.asarray(values, dtype=float)) ** 2)
    if row_errors:
        squares.append((stats.norm.ppf((1 + LEVEL) / 2) * float(np.mean(row_errors))) ** 2)
    return _around(value, math.sqrt(sum(squares))) if squares else Estimate(value)


def _half_width(values: Array) -> float:
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)) * error


def _around(value: float, half: float) -> Estimate:
    return Estimate(value, value - half, value + half)


def iqm(values: Array) -> Array:
    """The interquartile mean, of the middle half of all values (Agarwal et al. 2021, rliable)."""
    return np.asarray(stats.trim_mean(values, 0.25, axis=-1))


def bootstrap(
    tasks: Sequence[Clusters],
    statistics: Sequence[Callable[[Array], Array]],
    rng: np.random.Generator,
    row_errors: Sequence[float] = (),
    draws: int = DRAWS,
) -> tuple[Estimate, ...]:
    """Figures over all tasks, with a stratified percentile bootstrap (rliable).

    Tasks are the strata: they are the benchmark and stay as they are. Within each, variants are
    drawn with replacement, and within each of those its seeds: as many as the variant with most
    has. A single variant says nothing of its test rows, so their error is drawn, too, and shared by
    its seeds.

    Args:
        tasks: The values of each task, by variant.
        statistics: Each of the values of all episodes, along the last axis.
        rng: For the draws, which all figures share.
        row_errors: For each task, the standard error over test rows of a single variant's mean;
            0 where there are more variants or nothing is known. None at all are zeros.
        draws: How many.
    """
    values = np.concatenate([np.concatenate(each) for each in tasks])
    errors = list(row_errors) or [0.0] * len(tasks)
    if not any(errors) and all(len(each) == 1 and len(each[0]) == 1 for each in tasks):
        return tuple(Estimate(float(figure(values))) for figure in statistics)
    size = sum(len(each) * max(map(len, each)) for each in tasks)
    rows = max(1, min(draws, MOST_VALUES // size))
    found = []
    for _ in range(math.ceil(draws / rows)):
        drawn = np.concatenate(
            [
                _resampled(each, rows, rng) + rng.normal(0, error, size=(rows, 1))
                for each, error in zip(tasks, errors, strict=True)
            ],
            axis=1,
        )
        found.append([figure(drawn) for figure in statistics])
    ends = np.quantile(np.concatenate(found, axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    return tuple(
        Estimate(float(figure(values)), float(low), float(high))
        for figure, low, high in zip(statistics, *ends, strict=True)
    )


def _resampled(clusters: Clusters, rows: int, rng: np.random.Generator) -> Array:
    """Draws of one task's values, of shape (rows, variants times seeds)."""
    sizes = np.array([len(each) for each in clusters])
    padded = np.zeros((len(clusters), sizes.max()))
    for row, each in zip(padded, clusters, strict=True):
        row[: len(each)] = each
    chosen = rng.integers(len(clusters), size=(rows, len(clusters), 1))
    seeds = (rng.random((rows, *padded.shape)) * sizes[chosen]).astype(int)
    drawn: Array = padded[chosen, seeds].reshape(rows, -1)
    return drawn


def proportion(clusters: Clusters) -> Estimate:
    """The share of hits with Wilson's interval (Wilson 1927) for as many trials as the values tell.

    Values of a cluster are alike, so there are fewer independent trials than values. How many
    follows from how far the clusters' shares are apart (Korn and Graubard 1998, *Confidence
    intervals for proportions with small expected number of positive counts estimated from survey
    data*; Dean and Pagano 2015 have it with Wilson's interval). Where all values agree, that can't
    be known, and each cluster counts as one trial. Of a single cluster every value does, so its
    interval is about that cluster alone.

    Args:
        clusters: 1 for each hit and 0 for each miss, by cluster.
    """
    sizes = np.array([len(each) for each in clusters], dtype=float)
    if not sizes.sum():
        return Estimate(math.nan)
    hits = np.array([sum(each) for each in clusters], dtype=float)
    value = float(hits.sum() / sizes.sum())
    low, high = _wilson(value, _effective_trials(hits, sizes, value))
    return Estimate(value, low, high)


def _effective_trials(hits: Array, sizes: Array, value: float) -> float:
    count, total = len(sizes), float(sizes.sum())
    if count == 1:
        return total
    spread = hits - value * sizes
    if not spread.any() and value in (0.0, 1.0):
        return float(count)
    variance = count / (count - 1) * float((spread**2).sum()) / total**2
    trials = min(value * (1 - value) / variance, total) if variance else total
    # Few clusters say little about their own spread: Student's quantile in place of the normal one.
    student = float(stats.t.ppf((1 + LEVEL) / 2, count - 1))
    return max(trials * (_NORMAL / student) ** 2, 1.0)


def _wilson(share: float, trials: float) -> tuple[float, float]:
    """The ends of Wilson's interval, for trials that need not be a whole number."""
    square = _NORMAL**2 / trials
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(square * share * (1 - share) + square**2 / 4) / (1 + square)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def pass_at_k(hits: int, trials: int, k: int) -> float | None:
    """The chance that at least one of k episodes succeeds, unbiased (Chen et al. 2021, equation 1).

    None with fewer than k trials.
    """
    if trials < k:
        return None
    return 1.0 - math.comb(trials - hits, k) / math.comb(trials, k)


def best_at_k(values: Sequence[float], k: int) -> float | None:
    """The expected best of k episodes, unbiased: the mean over all subsets of k values.

    In ascending order, the value at place i (from 1) is the best of C(i - 1, k - 1) of the C(n, k)
    subsets. None with fewer than k values.
    """
    count = len(values)
    if count < k:
        return None
    ordered = sorted(values)
    best_of = (math.comb(place, k - 1) * value for place, value in enumerate(ordered))
    return math.fsum(best_of) / math.comb(count, k)


def profile(values: Array, thresholds: Array) -> Array:
    """The share of values above each threshold (Agarwal et al. 2021, performance profiles)."""
    return np.asarray([(values > each).mean() for each in thresholds])


def ratio_profile(scores: Mapping[str, Array], ratios: Array) -> dict[str, Array]:
    """For each agent, the share of tasks on which it is within a ratio of the best agent.

    Dolan and Moré 2002, as MLGym uses it, for scores where more is better: the best agent's score
    divided by the agent's own. A score of 0 is within no ratio.

    Args:
        scores: Each agent's scores from 0 to 1, one for each task, in the same order.
        ratios: From 1.
    """
    best = np.max(np.stack(list(scores.values())), axis=0)
    found = {}
    for name, own in scores.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(own > 0, best / own, np.inf)
        found[name] = np.asarray([(ratio <= each).mean() for each in ratios])
    return found


def area_under_profile(shares: Array, ratios: Array) -> float:
    """MLGym's AUP, divided by the width of the range of ratios so that it lies from 0 to 1."""
    return float(np.trapezoid(shares, ratios) / (ratios[-1] - ratios[0]))


def probability_of_improvement(ours: Sequence[Array], theirs: Sequence[Array]) -> float:
    """The chance that an episode of ours beats one of theirs on a task drawn at random.

    Agarwal et al. 2021: the mean over tasks of Mann and Whitney's U divided by its largest value;
    ties count one half.
    """
    shares = []
    for one, other in zip(ours, theirs, strict=True):
        above = (one[:, None] > other).mean() + (one[:, None] == other).mean() / 2
        shares.append(above)
    return float(np.mean(shares))


def paired_test(differences: Sequence[float], rng: np.random.Generator) -> float:
    """The two-sided p-value that paired differences have a mean of 0, by flipping their signs.

    Fisher's randomization test: exact for up to :data:`EXACT` pairs
    (:func:`scipy.stats.permutation_test`), else with random flips.

    Args:
        differences: One for each pair of what is compared: the clusters' mean differences.
        rng: For the random flips.
    """
    values = np.asarray(differences, dtype=float)
    if len(values) < 2 or not values.any():  # one pair is as likely either way
        return 1.0
    if len(values) <= EXACT:
        found = stats.permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=np.inf
        )
        return float(found.pvalue)
    least, extreme = abs(values.mean()) - 1e-12, 0
    for _ in range(FLIPS // FLIPS_AT_ONCE):
        signs = rng.integers(0, 2, size=(FLIPS_AT_ONCE, len(values))) * 2.0 - 1.0
        extreme += int((np.abs(signs @ values) / len(values) >= least).sum())
    return (1 + extreme) / (1 + FLIPS)  # what was observed is one of the flips


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for their number (Holm 1979)."""
    order = np.argsort(p_values)
    counts = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(counts * np.asarray(p_values)[order]))
    return [float(each) for each in adjusted]


def front(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Names whose (cost, value) no other name betters in both, the cheapest first."""
    best, found = -math.inf, []
    for name, (_, value) in sorted(points.items(), key=lambda each: (each[1][0], -each[1][1])):
        if value > best:
            best = value
            found.append(name)
    return found


def ranks(values: Mapping[str, float]) -> dict[str, float]:
    """Each name's place, from 1 for the largest; ties share the mean of their places."""
    places: Any = stats.rankdata([-each for each in values.values()])
    return dict(zip(values, map(float, places), strict=True))

"""Is there something to find out in a family? Statistics of a table of outcomes.

If one program is the best on every variant, an agent can learn its name and never look at the data.
If no validation tells which one is the best, looking doesn't help either. A family is worth
training on where the best program differs from variant to variant, and looking finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = [
    "Axis",
    "Outcomes",
    "axis_costs",
    "best_fixed",
    "gap",
    "share_closed_by_choice",
    "share_closed_by_two",
    "spearman",
    "validation_correlation",
]

Numbers = NDArray[np.float64]

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Outcomes:
    """What programs reached on variants, and what they themselves expected to reach."""

    truth: Numbers
    """Anchored scores, (variants, programs)."""
    own: Numbers
    """Each program's own validation, turned so that more is better; NaN where it has none."""

    @property
    def chosen(self) -> NDArray[np.intp]:
        """The program with the best validation on each variant."""
        return _best(self.own)


@dataclass(frozen=True)
class Axis:
    """One axis of the structures: what each variant has, and who is right about it."""

    name: str
    values: Sequence[Any]
    """By variant."""
    right: Mapping[Any, Sequence[bool | None]]
    """By value: for each program whether it is right where that is the value; None if it assumes
    nothing."""


def best_fixed(truth: Numbers) -> int:
    """The program that is the best on average."""
    return int(truth.mean(axis=0).argmax())


def gap(truth: Numbers, seed: int = 0) -> tuple[float, float, float]:
    """How far the best program of each variant is above the best fixed one, with a 95% interval.

    The interval is the bootstrap's over variants. The best fixed program is chosen again in each
    sample, since which one is the best is itself an estimate.
    """
    best = truth.max(axis=1)
    found = best.mean() - truth.mean(axis=0).max()
    rng, count = np.random.default_rng(seed), len(truth)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES) / count
    resampled = drawn @ best - (drawn @ truth).max(axis=1)
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(found), float(low), float(high)


def share_closed_by_choice(outcomes: Outcomes) -> float:
    """The share of the gap that the program with the best validation closes; 0 without a gap."""
    truth = outcomes.truth
    return _share(truth, truth[np.arange(len(truth)), outcomes.chosen].mean())


def validation_correlation(outcomes: Outcomes) -> float:
    """The correlation of validation and truth over a variant's programs, averaged over variants.

    A variant on which either of them doesn't vary counts as 0.
    """
    found = []
    for truth, own in zip(outcomes.truth, outcomes.own, strict=True):
        known = np.isfinite(own)
        found.append(_correlation(truth[known], own[known]))
    return float(np.mean(found))


def share_closed_by_two(outcomes: Outcomes, block: int = 1) -> float:
    """The share of the gap that a list of two programs closes; 0 if there aren't two.

    Of a list, the program with the better validation counts. For each block of variants the list is
    chosen that is the best on all others.

    Args:
        outcomes: What the programs reached.
        block: How many variants in a row have each structure once. If single variants were left
            out, the rest would lack the structure that is to be judged, and a list that is bad at
            it would be chosen.
    """
    truth, own = outcomes.truth, outcomes.own
    pairs = np.array(list(combinations(range(truth.shape[1]), 2)), dtype=np.intp)
    if len(pairs) == 0:
        return 0.0
    second = _best(own[:, pairs])  # (variants, pairs): 0 for the pair's first, 1 for its second
    reached = np.take_along_axis(truth[:, pairs], second[..., None], axis=2)[..., 0]
    size = min(block, -(-len(truth) // 2))  # at least two blocks
    held_out = []
    for start in range(0, len(truth), size):
        here = reached[start : start + size]
        others = reached.sum(axis=0) - here.sum(axis=0)
        held_out.append(here[:, others.argmax()])
    return _share(truth, np.concatenate(held_out).mean())


def axis_costs(truth: Numbers, axis: Axis) -> dict[Any, float | None]:
    """What it costs to be wrong about an axis, by its true value.

    On the variants that have a value: the best program that is right about it minus the best that
    is wrong, so that all else may be right. None where no program is right, or none is wrong.
    """
    costs: dict[Any, float | None] = {}
    for value, right in axis.right.items():
        rows = [at for at, each in enumerate(axis.values) if each == value]
        good = [at for at, each in enumerate(right) if each is True]
        bad = [at for at, each in enumerate(right) if each is False]
        if not (rows and good and bad):
            costs[value] = None
            continue
        here = truth[rows]
        costs[value] = float((here[:, good].max(axis=1) - here[:, bad].max(axis=1)).mean())
    return costs


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """The rank correlation; 0 where one of them doesn't vary."""
    return _correlation(rankdata(first), rankdata(second))


def _correlation(first: Numbers, second: Numbers) -> float:
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _best(own: Numbers) -> NDArray[np.intp]:
    """Where the last axis is largest; what has no validation is never chosen before what has."""
    return np.asarray(np.where(np.isfinite(own), own, -np.inf).argmax(axis=-1))


def _share(truth: Numbers, reached: float) -> float:
    fixed, best = truth.mean(axis=0).max(), truth.max(axis=1).mean()
    return float((reached - fixed) / (best - fixed)) if best > fixed else 0.0

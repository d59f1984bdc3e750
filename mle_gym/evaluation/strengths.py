"""How strong agents are by whom they beat: Bradley and Terry's model.

The fit is a few lines, so it is written here and tested against statsmodels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Strength", "bradley_terry"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Strength:
    """An agent's strength by Bradley and Terry, in log odds; the agents' mean is 0."""

    value: float
    error: float
    """Its standard error."""


def bradley_terry(wins: Mapping[tuple[str, str], float]) -> dict[str, Strength]:
    """Strengths such that A beats B with log odds strength(A) - strength(B).

    Bradley and Terry 1952, as a logistic regression without an intercept. Half a win each
    is added to every pair that met, which keeps strengths finite where one agent always won
    (Jeffreys' prior for each pair).

    Args:
        wins: How often the first of two agents beat the second; half for each tie.
    """
    names = sorted({name for pair in wins for name in pair})
    pairs = [
        pair
        for pair in itertools.combinations(names, 2)
        if wins.get(pair, 0) + wins.get((pair[1], pair[0]), 0) > 0
    ]
    if not pairs:
        return {name: Strength(0.0, math.inf) for name in names}
    won = np.array([wins.get(pair, 0.0) + 0.5 for pair in pairs])
    games = won + [wins.get((second, first), 0.0) + 0.5 for first, second in pairs]
    # Deviations from the mean: the last agent's strength is minus the sum of the others'.
    weights = np.vstack([np.eye(len(names) - 1), -np.ones(len(names) - 1)])
    design = np.array([weights[names.index(a)] - weights[names.index(b)] for a, b in pairs])
    fitted, spread = _logistic(design, won, games)
    values, spread = weights @ fitted, weights @ spread @ weights.T
    return {
        name: Strength(float(values[at]), float(np.sqrt(max(spread[at, at], 0.0))))
        for at, name in enumerate(names)
    }


def _logistic(design: Array, won: Array, games: Array) -> tuple[Array, Array]:
    """A logistic regression by Newton's method: the coefficients and their covariance."""
    fitted = np.zeros(design.shape[1])
    for _ in range(100):
        chance = 1 / (1 + np.exp(-design @ fitted))
        information = design.T @ (design * (games * chance * (1 - chance))[:, None])
        step = np.linalg.lstsq(information, design.T @ (won - games * chance), rcond=None)[0]
        fitted = fitted + step
        if np.abs(step).max() < 1e-10:
            break
    return fitted, np.asarray(np.linalg.pinv(information), dtype=np.float64)

"""Metrics of sets of points in the space of two objectives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mle_gym.metrics.metric import LARGEST, Array, Metric, Param

__all__ = ["POINT_METRICS"]


def hypervolume(truth: Array, predicted: Array, *, reference: Sequence[float], goal: str) -> float:
    """Area between the points and ``reference``, the worst point that still counts.

    This is the size of the set that some row's point dominates and that dominates the reference
    point (E. Zitzler and L. Thiele, "Multiobjective evolutionary algorithms", 1999). ``goal`` is
    ``"maximize"`` or ``"minimize"``, for both objectives. A point that is not better than the
    reference in both adds nothing. The truth is not used, so the task must prevent made-up points,
    by bounds on its columns or with a ``grade.py``.
    """
    sign = -1.0 if goal == "minimize" else 1.0
    gains = sign * predicted - sign * np.asarray(reference, dtype=np.float64)
    gains = gains[(gains > 0).all(axis=1)]
    gains = gains[np.lexsort((-gains[:, 1], -gains[:, 0]))]
    heights = np.maximum.accumulate(np.concatenate([[0.0], gains[:, 1]]))
    return float(gains[:, 0] @ np.diff(heights))


def _is_point(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(type(v) in (int, float) and abs(v) <= LARGEST for v in value)
    )


POINT_METRICS = (
    Metric(
        "hypervolume",
        "Hypervolume of two objectives",
        True,
        math.inf,
        0.0,
        "points",
        hypervolume,
        columns=(2, 2),
        params={
            "reference": Param("a list of two numbers", _is_point),
            "goal": Param("'maximize' or 'minimize'", lambda v: v in ("maximize", "minimize")),
        },
    ),
)

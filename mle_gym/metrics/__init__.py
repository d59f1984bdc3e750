"""The metrics that ``[grade] metric`` may name.

This imports neither pandas nor scikit-learn. A metric does so when it first scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mle_gym.errors import TaskError
from mle_gym.metrics.labels import LABEL_METRICS
from mle_gym.metrics.masks import MASK_METRICS
from mle_gym.metrics.metric import Metric, MetricKind, Param
from mle_gym.metrics.numbers import NUMBER_METRICS
from mle_gym.metrics.point_sets import POINT_METRICS
from mle_gym.metrics.probabilities import PROBABILITY_METRICS
from mle_gym.metrics.ranked_lists import RANKING_METRICS
from mle_gym.metrics.words import TEXT_METRICS
from mle_gym.text import IN_BRACKETS, did_you_mean

__all__ = ["METRICS", "Metric", "MetricKind", "Param", "get_metric"]

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            *LABEL_METRICS,
            *PROBABILITY_METRICS,
            *NUMBER_METRICS,
            *RANKING_METRICS,
            *MASK_METRICS,
            *TEXT_METRICS,
            *POINT_METRICS,
        )
    }
)
"""Every metric, by the name that ``[grade] metric`` uses."""


def get_metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        TaskError: There is none; the message names the nearest one and all others.
    """
    metric = METRICS.get(name)
    if metric is None:
        known = ", ".join(METRICS)
        raise TaskError(
            f"unknown metric {name!r}{did_you_mean(name, METRICS, IN_BRACKETS)}; known: {known}"
        )
    return metric

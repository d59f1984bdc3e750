"""Metrics of ranked lists: one text column with labels, best first, separated by spaces.

A cell of the truth lists the relevant labels of its row, in any order; all are equally relevant.
Only the first ``k`` predicted labels count, and a label that is repeated is a miss the second time.
A row that has no relevant label counts 1 if nothing is predicted for it, else 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mle_gym.metrics.metric import Array, Metric, Param

__all__ = ["RANKING_METRICS"]


def map_at_k(truth: Array, predicted: Array, *, k: int) -> float:
    """Mean average precision at k: mean over rows of sum of P(i) rel(i) for i to k / min(n, k).

    Kaggle's MAP@k (kaggle.com/code/wendykan/map-k-demo); n is the number of relevant labels.
    """

    def average_precision(hits: Array, relevant: int) -> float:
        ranks = np.flatnonzero(hits) + 1
        return float(np.sum(np.arange(1, len(ranks) + 1) / ranks)) / min(relevant, k)

    return _mean_over_rows(truth, predicted, k, average_precision)


def ndcg_at_k(truth: Array, predicted: Array, *, k: int) -> float:
    """Normalized discounted cumulative gain at k, with gain 1 for every relevant label.

    DCG = sum of rel(i) / log2(i + 1) for i to k, divided by the best possible DCG of the row. It is
    ``sklearn.metrics.ndcg_score`` for lists. K. Järvelin and J. Kekäläinen, "Cumulated gain-based
    evaluation of IR techniques", 2002.
    """

    def gain(hits: Array, relevant: int) -> float:
        discounts = 1 / np.log2(np.arange(2, max(len(hits), min(relevant, k)) + 2))
        return float(discounts[: len(hits)] @ hits / discounts[: min(relevant, k)].sum())

    return _mean_over_rows(truth, predicted, k, gain)


def precision_at_k(truth: Array, predicted: Array, *, k: int) -> float:
    """Precision at k: mean over rows of the relevant labels among the first k, divided by k.

    A row with fewer than k relevant labels can't reach 1.
    """
    return _mean_over_rows(truth, predicted, k, lambda hits, relevant: float(hits.sum()) / k)


def recall_at_k(truth: Array, predicted: Array, *, k: int) -> float:
    """Recall at k: mean over rows of the share of relevant labels that are among the first k.

    A row with more than k relevant labels can't reach 1.
    """
    return _mean_over_rows(truth, predicted, k, lambda hits, relevant: float(hits.sum()) / relevant)


def _mean_over_rows(
    truth: Array, predicted: Array, k: int, score: Callable[[Array, int], float]
) -> float:
    """Mean of ``score(hits, relevant)``: the hits by rank, and how many there could be."""
    scores = np.empty(len(truth))
    for row, (answer, guess) in enumerate(zip(truth, predicted, strict=True)):
        relevant, ranked = set(answer.split()), guess.split(maxsplit=k)[:k]
        scores[row] = score(_hits(ranked, relevant), len(relevant)) if relevant else not ranked
    return float(scores.mean())


def _hits(ranked: list[str], relevant: set[str]) -> Array:
    """For each label, whether it is relevant and occurs for the first time."""
    left = set(relevant)
    hits = np.zeros(len(ranked), dtype=bool)
    for rank, label in enumerate(ranked):
        if label in left:
            hits[rank] = True
            left.remove(label)
    return hits


K = Param("an integer from 1 to 1000", lambda v: type(v) is int and 1 <= v <= 1000)


def _metric(name: str, title: str, function: Callable[..., float]) -> Metric:
    return Metric(name, title, True, 1.0, 0.0, "ranking", function, params={"k": K})


RANKING_METRICS = (
    _metric("map_at_k", "Mean average precision at k", map_at_k),
    _metric("ndcg_at_k", "Normalized discounted cumulative gain at k", ndcg_at_k),
    _metric("precision_at_k", "Precision at k", precision_at_k),
    _metric("recall_at_k", "Recall at k", recall_at_k),
)

"""How much of a score is chance: its interval over resampled test rows.

The test rows are resampled with replacement many times, and each sample is scored (B. Efron,
"Bootstrap methods: another look at the jackknife", 1979). A sample, here called a draw, is a vector
of how often each row occurs. Many draws are a table (draws, rows), and most metrics score all of
them with one product of matrices.

scikit-learn could score one draw at a time, with these counts as sample weights; that gives the
same numbers and takes 20 to 300 times as long (1,000 draws of 1,000 rows: 0.5 to 2 s). Metrics that
have no quick way here are scored one draw after another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from mle_gym.errors import MleGymError
from mle_gym.metrics import Metric
from mle_gym.metrics.labels import is_label
from mle_gym.metrics.masks import MASK_METRICS
from mle_gym.metrics.metric import Array
from mle_gym.metrics.ranked_lists import RANKING_METRICS
from mle_gym.metrics.words import TEXT_METRICS

__all__ = ["RESAMPLERS", "quick_score", "score_interval"]

DRAWS, FEWEST_DRAWS = 1000, 200
MOST_CELLS = 2 * 10**8
"""Draws times rows, beyond which there are fewer draws: a million rows get 200."""
CHUNK_CELLS = 4 * 10**6
"""Cells of the table of draws that are in memory at the same time: 32 MB."""
LEVEL = 0.95

Resampler = Callable[..., Array]
"""From truth, prediction, draws (draws, rows) and the metric's parameters to one score per draw."""


def score_interval(
    metric: Metric, truth: Array, predicted: Array, params: Mapping[str, Any], seed: int = 0
) -> tuple[float, float] | None:
    """The middle 95% of the scores of resampled rows; None where too few draws have a score.

    Args:
        metric: What scores.
        truth: Answers in the form of :meth:`~mle_gym.metrics.Metric.array`.
        predicted: Predictions likewise, that have a score.
        params: The metric's parameters.
        seed: Draws are the same for the same seed and number of rows, so that two submissions are
            compared on the same draws.
    """
    rows = len(truth)
    draws = int(np.clip(MOST_CELLS // rows, FEWEST_DRAWS, DRAWS))
    rng = np.random.default_rng([seed, rows])
    score = RESAMPLERS.get(metric.name, partial(_one_by_one, metric))
    complete = metric.complete(params)
    step = max(1, CHUNK_CELLS // rows)
    scores = []
    with np.errstate(all="ignore"):
        for start in range(0, draws, step):
            counts = _draw(rng, min(step, draws - start), rows)
            scores.append(score(truth, predicted, counts, **complete))
    found = np.concatenate(scores)
    found = found[np.isfinite(found)]
    if len(found) < FEWEST_DRAWS:
        return None
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def quick_score(
    metric: Metric, truth: Array, predicted: Array, params: Mapping[str, Any]
) -> float | None:
    """The score in the metric's quick way, None if it has none; only rounding differs.

    scikit-learn takes milliseconds to look at its arguments, however few rows there are.
    """
    score = RESAMPLERS.get(metric.name)
    if score is None:
        return None
    everything = np.ones((1, len(truth)), dtype=np.int64)
    with np.errstate(all="ignore"):
        return float(score(truth, predicted, everything, **metric.complete(params))[0])


def _draw(rng: np.random.Generator, draws: int, rows: int) -> Array:
    """How often each row occurs in each draw, (draws, rows)."""
    chosen = rng.integers(rows, size=(draws, rows))
    chosen += rows * np.arange(draws)[:, None]
    return np.bincount(chosen.ravel(), minlength=draws * rows).reshape(draws, rows)


def _one_by_one(
    metric: Metric, truth: Array, predicted: Array, counts: Array, **params: Any
) -> Array:
    """The scores of a metric that has no quick way; NaN for a draw that can't be scored."""
    scores = np.full(len(counts), np.nan)
    for at, count in enumerate(counts):
        rows = np.repeat(np.arange(len(count)), count)
        try:
            scores[at] = metric.score(truth[rows], predicted[rows], **params)
        except MleGymError:  # say, a class that this draw lacks
            continue
    return scores


def _mean(values: Array, counts: Array) -> Array:
    """Means over drawn rows: (draws,) of one column, (draws, columns) of several."""
    return np.asarray(counts @ values / counts.sum(axis=1).reshape(-1, *[1] * (values.ndim - 1)))


def _rows(loss: Callable[[Array, Array], Array]) -> Resampler:
    """A metric that is the mean of a loss per row."""
    return lambda truth, predicted, counts, **_: _mean(loss(truth, predicted), counts)


def _row_by_row(function: Callable[..., float]) -> Resampler:
    """A metric that is the mean of its own scores of single rows."""

    def score(truth: Array, predicted: Array, counts: Array, **params: Any) -> Array:
        rows = [slice(row, row + 1) for row in range(len(truth))]
        return _mean(np.array([function(truth[r], predicted[r], **params) for r in rows]), counts)

    return score


def _root(loss: Callable[[Array, Array], Array]) -> Resampler:
    """A metric that is the root of such a mean, averaged over columns."""

    def score(truth: Array, predicted: Array, counts: Array) -> Array:
        roots = np.sqrt(_mean(loss(truth, predicted), counts))
        return np.asarray(roots if roots.ndim == 1 else roots.mean(axis=1))

    return score


def _surprise(truth: Array, predicted: Array) -> Array:
    """Minus the logarithm of what was given to the truth, clipped as scikit-learn does."""
    if truth.shape[1] == 1:
        given = np.where(truth[:, 0] == 1, predicted[:, 0], 1 - predicted[:, 0])
    else:
        shares = predicted / predicted.sum(axis=1, keepdims=True)
        given = shares[np.arange(len(truth)), truth.argmax(axis=1)]
    tiny = np.finfo(np.float64).eps
    return np.asarray(-np.log(np.clip(given, tiny, 1 - tiny)))


def _pinball(truth: Array, predicted: Array, counts: Array, *, alpha: float) -> Array:
    short = truth - predicted
    return _mean(np.maximum(alpha * short, (alpha - 1) * short), counts)


def _percentage(truth: Array, predicted: Array) -> Array:
    scale = (np.abs(predicted) + np.abs(truth)) / 2
    gap = np.abs(predicted - truth)
    return np.asarray(100 * np.divide(gap, scale, out=np.zeros(len(truth)), where=scale > 0))


def _area(truth: Array, predicted: Array, counts: Array) -> Array:
    """Area under the ROC curve of one column; 0.5 where a draw has one class only."""
    order = np.argsort(predicted, kind="stable")
    _, starts = np.unique(predicted[order], return_index=True)
    drawn, labels = counts[:, order], truth[order] == 1
    positive = np.add.reduceat(drawn * labels, starts, axis=1)
    negative = np.add.reduceat(drawn * ~labels, starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    area = (positive * below).sum(axis=1) / np.maximum(pairs, 1)
    return np.asarray(np.where(pairs > 0, area, np.nan))


def _one_area(truth: Array, predicted: Array, counts: Array) -> Array:
    return np.nan_to_num(_area(truth, predicted, counts), nan=0.5)


def _column_areas(truth: Array, predicted: Array, counts: Array) -> Array:
    """Mean over the columns in which a draw has both classes; 0.5 if there are none."""
    areas = np.stack([_area(t, p, counts) for t, p in zip(truth.T, predicted.T, strict=True)])
    defined = np.isfinite(areas)
    total = np.where(defined, areas, 0.0).sum(axis=0)
    number = defined.sum(axis=0)
    return np.asarray(np.where(number > 0, total / np.maximum(number, 1), 0.5))


def _average_precision(truth: Array, predicted: Array, counts: Array) -> Array:
    """Average precision; 0 where a draw has no positive."""
    order = np.argsort(-predicted, kind="stable")
    _, starts = np.unique(-predicted[order], return_index=True)
    drawn = counts[:, order]
    positive = np.add.reduceat(drawn * (truth[order] == 1), starts, axis=1)
    above = np.cumsum(np.add.reduceat(drawn, starts, axis=1), axis=1)
    precision = np.cumsum(positive, axis=1) / np.maximum(above, 1)
    return np.asarray((positive * precision).sum(axis=1) / np.maximum(positive.sum(axis=1), 1))


def _by_code(codes: Array, counts: Array, size: int) -> Array:
    """How many drawn rows have each code from 0 to below ``size``, (draws, size)."""
    order = np.argsort(codes, kind="stable")
    present, starts = np.unique(codes[order], return_index=True)
    total = np.zeros((len(counts), size))
    total[:, present] = np.add.reduceat(counts[:, order], starts, axis=1)
    return total


def _coded(truth: Array, predicted: Array) -> tuple[Array, Array, Array]:
    """All labels, and the positions among them of the truth and of the predictions."""
    labels, codes = np.unique(np.concatenate([truth, predicted]), return_inverse=True)
    return labels, codes[: len(truth)], codes[len(truth) :]


def _balanced_accuracy(truth: Array, predicted: Array, counts: Array) -> Array:
    """Mean over the classes that a draw has of the share that is right."""
    labels, true, guessed = _coded(truth, predicted)
    rows = _by_code(true, counts, len(labels))
    right = _by_code(true, counts * (true == guessed), len(labels))
    return np.asarray((right / np.maximum(rows, 1)).sum(axis=1) / (rows > 0).sum(axis=1))


def _f1(truth: Array, predicted: Array, counts: Array, *, positive: Any) -> Array:
    true, guessed = (is_label(column, positive).astype(int) for column in (truth, predicted))
    return np.asarray(2 * (counts @ (true * guessed)) / np.maximum(counts @ (true + guessed), 1))


def _f1_macro(truth: Array, predicted: Array, counts: Array, *, labels: Any) -> Array:
    """Mean of the F1 of the labels that count, by default of all that a draw has."""
    found, true, guessed = _coded(truth, predicted)
    right = _by_code(true, counts * (true == guessed), len(found))
    rows = _by_code(true, counts, len(found)) + _by_code(guessed, counts, len(found))
    each = 2 * right / np.maximum(rows, 1)
    if labels is None:
        return np.asarray(each.sum(axis=1) / (rows > 0).sum(axis=1))
    return np.asarray(each[:, np.isin(found, labels)].sum(axis=1) / len(labels))


def _kappa(power: int) -> Resampler:
    """Cohen's kappa; being off by d costs d to that power, or 1 for any d if the power is 0."""

    def score(truth: Array, predicted: Array, counts: Array, **_: Any) -> Array:
        ratings, first, second = _coded(truth, predicted)
        size = len(ratings)
        table = _by_code(first * size + second, counts, size * size)
        table = table.reshape(-1, size, size) / counts.sum(axis=1)[:, None, None]
        scale = ratings.astype(np.float64) if power else np.arange(size)
        gaps = np.abs(scale[:, None] - scale)
        costs = gaps**power if power else (gaps > 0).astype(np.float64)
        chance = table.sum(axis=2)[:, :, None] * table.sum(axis=1)[:, None, :]
        observed, expected = ((part * costs).sum(axis=(1, 2)) for part in (table, chance))
        kappa = 1 - observed / np.where(expected > 0, expected, 1.0)
        return np.asarray(np.where(expected > 0, kappa, 0.0))

    return score


_MEANS_OVER_ROWS = (*RANKING_METRICS, *MASK_METRICS, *TEXT_METRICS)
RESAMPLERS: Mapping[str, Resampler] = MappingProxyType(
    {
        "accuracy": _rows(lambda t, p: np.asarray(t == p, dtype=np.float64)),
        "balanced_accuracy": _balanced_accuracy,
        "f1": _f1,
        "f1_macro": _f1_macro,
        "log_loss": _rows(_surprise),
        "brier": _rows(lambda t, p: (t - p) ** 2),
        "mae": _rows(lambda t, p: np.abs(t - p)),
        "mse": _rows(lambda t, p: (t - p) ** 2),
        "rmse": _root(lambda t, p: (t - p) ** 2),
        "mcrmse": _root(lambda t, p: (t - p) ** 2),
        "rmsle": _root(lambda t, p: (np.log1p(t) - np.log1p(p)) ** 2),
        "mcrmsle": _root(lambda t, p: (np.log1p(t) - np.log1p(p)) ** 2),
        "mape": _rows(lambda t, p: np.abs(t - p) / np.abs(t)),
        "smape": _rows(_percentage),
        "pinball": _pinball,
        "linear_kappa": _kappa(1),
        "quadratic_kappa": _kappa(2),
        "average_precision": _average_precision,
        "roc_auc": _one_area,
        "roc_auc_columns": _column_areas,
        "roc_auc_macro": _column_areas,
        **{each.name: _row_by_row(each.function) for each in _MEANS_OVER_ROWS},
    }
)
"""The quick way of each metric that has one; it gives what the metric gives on the drawn rows."""

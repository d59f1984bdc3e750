"""Metrics of predicted numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mle_gym.errors import TaskError
from mle_gym.metrics.metric import Array, Metric, Param, refuse
from mle_gym.metrics.scikit_learn import sklearn_metrics

__all__ = ["NUMBER_METRICS"]


def rmse(truth: Array, predicted: Array) -> float:
    """Root mean squared error, in the target's unit.

    The mean over the columns, as ``sklearn.metrics.root_mean_squared_error`` computes it.
    """
    return float(np.average(np.sqrt(_means((truth - predicted) ** 2))))


def mcrmse(truth: Array, predicted: Array) -> float:
    """Mean over the columns of each column's root mean squared error.

    Kaggle's MCRMSE (stanford-covid-vaccine); ``sklearn.metrics.root_mean_squared_error`` with
    ``multioutput="uniform_average"``.
    """
    return rmse(truth, predicted)


def mse(truth: Array, predicted: Array) -> float:
    """Mean squared error, as ``sklearn.metrics.mean_squared_error`` computes it."""
    return float(np.average(_means((truth - predicted) ** 2)))


def mae(truth: Array, predicted: Array) -> float:
    """Mean absolute error, in the target's unit.

    As ``sklearn.metrics.mean_absolute_error`` computes it.
    """
    return float(np.average(_means(np.abs(predicted - truth))))


def _means(errors: Array) -> Array:
    """The mean of each column. These errors need no scikit-learn, whose import takes a second."""
    means: Array = np.average(errors.reshape(len(errors), -1), axis=0)
    return means


def rmsle(truth: Array, predicted: Array) -> float:
    """Root mean squared logarithmic error: the RMSE of log(1 + x).

    ``sklearn.metrics.root_mean_squared_log_error``. Predictions below 0 are refused.
    """
    if (truth < 0).any():
        raise TaskError("metric rmsle: the answers must not be below 0")
    return float(sklearn_metrics().root_mean_squared_log_error(truth, predicted))


def mcrmsle(truth: Array, predicted: Array) -> float:
    """Mean over the columns of each column's RMSLE.

    Kaggle's "mean column-wise RMSLE" (nomad2018-predict-transparent-conductors). Predictions below
    0 are refused.
    """
    return rmsle(truth, predicted)


def mape(truth: Array, predicted: Array) -> float:
    """Mean absolute percentage error, as a fraction: mean of |p - t| / |t|.

    ``sklearn.metrics.mean_absolute_percentage_error``. It is undefined if the truth contains a 0,
    which is an error in the task: use ``smape``.
    """
    if (truth == 0).any():
        raise TaskError("metric mape: undefined if an answer is 0; use 'smape'")
    return float(sklearn_metrics().mean_absolute_percentage_error(truth, predicted))


def smape(truth: Array, predicted: Array) -> float:
    """Symmetric mean absolute percentage error, in percent: mean of 200 |p - t| / (|p| + |t|).

    Kaggle's definition (web-traffic-time-series-forecasting): 0 for a row in which both are 0, and
    at most 200.
    """
    scale = np.abs(predicted) / 2 + np.abs(truth) / 2
    error = np.abs(predicted / 2 - truth / 2) * 2
    return float(np.mean(100 * np.divide(error, scale, out=np.zeros(len(truth)), where=scale > 0)))


def wape(truth: Array, predicted: Array) -> float:
    """Weighted absolute percentage error, as a fraction: the sum of |p - t| over the sum of |t|.

    Unlike ``mape`` it is defined where some of the truth is 0. Truth that is 0 throughout is an
    error in the task.
    """
    total = float(np.abs(truth).sum())
    if total == 0:
        raise TaskError("metric wape: undefined if all answers are 0")
    return float(np.abs(predicted - truth).sum()) / total


def r2(truth: Array, predicted: Array) -> float:
    """Coefficient of determination: 1 - residual / total sum of squares.

    ``sklearn.metrics.r2_score``. It is undefined if the truth is constant (or one row), and then
    counts 1 for a perfect prediction and 0 for any other.
    """
    if np.ptp(truth) == 0:
        return float(np.array_equal(truth, predicted))
    return float(sklearn_metrics().r2_score(truth, predicted))


def pinball(truth: Array, predicted: Array, *, alpha: float) -> float:
    """Pinball loss of the quantile ``alpha``: mean of max(alpha (t - p), (alpha - 1) (t - p)).

    ``sklearn.metrics.mean_pinball_loss``.
    """
    return float(sklearn_metrics().mean_pinball_loss(truth, predicted, alpha=alpha))


def pearson(truth: Array, predicted: Array) -> float:
    """Pearson's correlation coefficient, as ``scipy.stats.pearsonr``.

    It is undefined if truth or prediction is constant (or one row), and then counts 0.
    """
    # SciPy's own returns NaN and warns for such columns, and for numbers that overflow when their
    # mean is subtracted. It would also have to be imported.
    first, second = _centred(truth), _centred(predicted)
    norm = np.linalg.norm(first) * np.linalg.norm(second)
    return float(np.clip(first @ second / norm, -1.0, 1.0)) if norm > 0 else 0.0


def spearman(truth: Array, predicted: Array) -> float:
    """Spearman's rank correlation: Pearson's of the ranks, as ``scipy.stats.spearmanr``.

    Equal values share their mean rank. It is 0 if truth or prediction is constant (or one row).
    """
    return pearson(_ranks(truth), _ranks(predicted))


def qini(truth: Array, predicted: Array) -> float:
    """Qini coefficient where each row's effect is known: the truth is effects, of any sign.

    The effects, summed from the highest prediction down, rise above the straight line that a random
    order gives on average. The coefficient is the area between the two, divided by that of the best
    order. Equal predictions share their mean rank, so that a constant scores 0. N. J. Radcliffe,
    "Using control groups to target on predicted lift", 2007. It is undefined if all effects are
    the same (or there is one row), and then counts 0.
    """
    if np.ptp(truth) == 0:
        return 0.0
    effects = _centred(truth)
    ranks = _ranks(predicted) - (len(truth) + 1) / 2
    return float(ranks @ effects / (_ranks(truth) @ effects))


def _centred(column: Array) -> Array:
    """Differences from the mean, which are exactly 0 for a constant column.

    They are scaled to at most 1, so that their squares neither overflow nor underflow.
    """
    if np.ptp(column) == 0:
        return np.zeros(len(column))
    scaled = column / np.abs(column).max()
    centred = scaled - scaled.mean()
    largest = np.abs(centred).max()
    return np.asarray(centred / largest if largest > 0 else centred)


def _ranks(column: Array) -> Array:
    """Ranks from 1, where equal values share their mean rank, as ``scipy.stats.rankdata``."""
    _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse])


def _not_negative(predicted: Array) -> None:
    refuse(predicted < 0, predicted, "out_of_range", "no value below 0")


def _loss(name: str, title: str, function: Callable[..., float], **more: Any) -> Metric:
    worst = more.pop("worst", math.inf)
    return Metric(name, title, False, 0.0, worst, "number", function, **more)


def _agreement(name: str, title: str, worst: float, function: Callable[..., float]) -> Metric:
    return Metric(name, title, True, 1.0, worst, "number", function)


ALPHA = Param("a quantile between 0 and 1", lambda v: type(v) is float and 0 < v < 1, 0.5)

NUMBER_METRICS = (
    _loss("rmse", "Root mean squared error", rmse),
    _loss("mcrmse", "Mean column-wise root mean squared error", mcrmse, columns=(1, math.inf)),
    _loss("mse", "Mean squared error", mse),
    _loss("mae", "Mean absolute error", mae),
    _loss("rmsle", "Root mean squared logarithmic error", rmsle, check_predicted=_not_negative),
    _loss(
        "mcrmsle",
        "Mean column-wise root mean squared logarithmic error",
        mcrmsle,
        columns=(1, math.inf),
        check_predicted=_not_negative,
    ),
    _loss("mape", "Mean absolute percentage error", mape),
    _loss("smape", "Symmetric mean absolute percentage error", smape, worst=200.0),
    _loss("wape", "Weighted absolute percentage error", wape),
    _loss("pinball", "Pinball loss", pinball, params={"alpha": ALPHA}),
    _agreement("r2", "Coefficient of determination (R²)", -math.inf, r2),
    _agreement("pearson", "Pearson correlation", -1.0, pearson),
    _agreement("spearman", "Spearman rank correlation", -1.0, spearman),
    _agreement("qini", "Qini coefficient of known effects", -1.0, qini),
)

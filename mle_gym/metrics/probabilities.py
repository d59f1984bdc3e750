"""Metrics of predicted probabilities and scores.

One column has the probability of the positive class (truth 0 or 1). With several columns, each is a
class, and exactly one of them is 1 in every row of the truth, except for the ``*_columns`` metrics,
where each column is a separate question.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mle_gym.errors import TaskError
from mle_gym.metrics.metric import Array, Metric, UnscorablePrediction, refuse
from mle_gym.metrics.scikit_learn import sklearn_metrics

__all__ = ["PROBABILITY_METRICS"]

LOG_LOSS_WORST = -math.log(np.finfo(np.float64).eps)
"""The cost of one certain and wrong prediction: 36.04."""


def roc_auc(truth: Array, predicted: Array) -> float:
    """Area under the receiver operating characteristic curve, ties counted half.

    ``sklearn.metrics.roc_auc_score``. Any real score is fine, since only the order counts. If the
    truth has only one class, the area is undefined and counts as chance, 0.5.
    """
    truth = _binary(truth)
    if truth.min() == truth.max():
        return 0.5
    return float(sklearn_metrics().roc_auc_score(truth, predicted))


def roc_auc_columns(truth: Array, predicted: Array) -> float:
    """Mean over the columns of each column's area under the ROC curve.

    Kaggle's "mean column-wise ROC AUC" (jigsaw-toxic-comment-classification-challenge,
    plant-pathology-2020-fgvc7); ``sklearn.metrics.roc_auc_score(average="macro")``. Columns whose
    truth has one class only are left out; 0.5 if all are.
    """
    truth = _binary(truth)
    defined = np.flatnonzero(truth.min(axis=0) != truth.max(axis=0))
    if len(defined) == 0:
        return 0.5
    return float(np.mean([roc_auc(truth[:, i], predicted[:, i]) for i in defined]))


def roc_auc_macro(truth: Array, predicted: Array) -> float:
    """Macro-averaged one-vs-rest area under the ROC curve of a multi-class problem.

    ``sklearn.metrics.roc_auc_score(multi_class="ovr", average="macro")``: each class against the
    rest, unweighted mean. Classes absent from the truth are left out; 0.5 if fewer than two occur.
    """
    return roc_auc_columns(_one_hot(truth), predicted)


def average_precision(truth: Array, predicted: Array) -> float:
    """Average precision: sum over thresholds of (R_n - R_{n-1}) P_n.

    ``sklearn.metrics.average_precision_score``. Any real score is fine, since only the order
    counts. It is 0 if the truth has no positive.
    """
    truth = _binary(truth)
    return (
        float(sklearn_metrics().average_precision_score(truth, predicted)) if truth.any() else 0.0
    )


def log_loss(truth: Array, predicted: Array) -> float:
    """Logarithmic loss: minus the mean logarithm of the probability of what is true.

    ``sklearn.metrics.log_loss``. One column is the probability of the positive class. Several
    columns are one class each, and every row is first divided by its sum, as Kaggle does.
    Probabilities are clipped to [eps, 1 - eps] with eps = 2.2e-16, so that a certain and wrong row
    costs 36.04, and a certain and right one 2.2e-16.
    """
    if truth.shape[1] == 1:
        return float(
            sklearn_metrics().log_loss(_binary(truth)[:, 0], predicted[:, 0], labels=[0, 1])
        )
    classes = _one_hot(truth).argmax(axis=1)
    shares = np.clip(predicted / predicted.sum(axis=1, keepdims=True), 0.0, 1.0)
    return float(sklearn_metrics().log_loss(classes, shares, labels=list(range(truth.shape[1]))))


def brier(truth: Array, predicted: Array) -> float:
    """Brier score: mean squared difference between the probability and what happened.

    ``sklearn.metrics.brier_score_loss``, in its original form for two classes (0 to 1). G. W.
    Brier, "Verification of forecasts expressed in terms of probability", 1950.
    """
    return float(sklearn_metrics().brier_score_loss(_binary(truth), predicted, pos_label=1))


def _binary(truth: Array) -> Array:
    if not np.isin(truth, (0, 1)).all():
        raise TaskError("the answers to a probability must be 0 or 1")
    return truth.astype(np.int64)


def _one_hot(truth: Array) -> Array:
    truth = _binary(truth)
    if not (truth.sum(axis=1) == 1).all():
        raise TaskError("exactly one class must be 1 in every row of the answers")
    return truth


def _in_range(predicted: Array) -> None:
    """The column's declaration usually ensures this, but a task may declare a plain number."""
    wrong = (predicted < 0) | (predicted > 1)
    refuse(wrong, predicted, "out_of_range", "a probability from 0 to 1")


def _divisible(predicted: Array) -> None:
    _in_range(predicted)
    empty = np.flatnonzero(predicted.sum(axis=1) == 0)
    if predicted.shape[1] > 1 and len(empty):
        found = "nothing but zeros"
        raise UnscorablePrediction(
            "sum_not_one", found, "probabilities that sum to 1", int(empty[0])
        )


def _metric(
    name: str,
    title: str,
    higher: bool,
    span: tuple[float, float],
    function: Callable[..., float],
    **more: Any,
) -> Metric:
    return Metric(name, title, higher, span[1], span[0], "probability", function, **more)


PROBABILITY_METRICS = (
    _metric("roc_auc", "Area under the ROC curve", True, (0.0, 1.0), roc_auc),
    _metric(
        "roc_auc_columns",
        "Mean column-wise area under the ROC curve",
        True,
        (0.0, 1.0),
        roc_auc_columns,
        columns=(1, math.inf),
    ),
    _metric(
        "roc_auc_macro",
        "Macro-averaged one-vs-rest area under the ROC curve",
        True,
        (0.0, 1.0),
        roc_auc_macro,
        columns=(2, math.inf),
    ),
    _metric("average_precision", "Average precision", True, (0.0, 1.0), average_precision),
    _metric(
        "log_loss",
        "Logarithmic loss",
        False,
        (LOG_LOSS_WORST, 0.0),
        log_loss,
        columns=(1, math.inf),
        check_predicted=_divisible,
    ),
    _metric("brier", "Brier score", False, (1.0, 0.0), brier, check_predicted=_in_range),
)

"""Metrics of predicted labels: one column of integers or of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from mle_gym.errors import SubmissionError, TaskError
from mle_gym.metrics.metric import LARGEST, Array, Metric, Param, UnscorablePrediction, refuse
from mle_gym.metrics.scikit_learn import sklearn_metrics
from mle_gym.text import listing, show

__all__ = ["LABEL_METRICS"]

MOST_LABELS = 1000
"""The most distinct labels for which a matrix of labels by labels is built."""

Label = int | float | str


def accuracy(truth: Array, predicted: Array) -> float:
    """Share of rows whose label is right.

    The same as ``sklearn.metrics.accuracy_score``, which first sorts the labels and so is slow for
    long text.
    """
    return float(np.mean(truth == predicted))


def balanced_accuracy(truth: Array, predicted: Array) -> float:
    """Mean over the classes in the truth of the share of their rows that are right.

    ``sklearn.metrics.recall_score(average="macro")`` over the classes in the truth, which is
    ``balanced_accuracy_score``. With one class in the truth it is the accuracy.
    """
    truth, predicted, weights = _quiet(truth, predicted)
    return float(
        sklearn_metrics().recall_score(
            truth,
            predicted,
            labels=np.unique(truth),
            average="macro",
            sample_weight=weights,
            zero_division=0.0,
        )
    )


def f_beta(
    truth: Array,
    predicted: Array,
    *,
    beta: float,
    average: str,
    positive: Label,
    labels: Sequence[Label] | None,
) -> float:
    """F-beta, the weighted harmonic mean of precision P and recall R.

    ``sklearn.metrics.fbeta_score``: (1 + beta²) P R / (beta² P + R). ``average`` is ``"binary"``
    (the label ``positive`` against the rest), ``"macro"`` (unweighted mean over classes),
    ``"micro"`` (over all rows) or ``"weighted"`` (mean by the classes' rows in the truth). Classes
    are those in ``labels``, or by default all that occur in truth or prediction. A class that
    occurs in neither counts 0.
    """
    if average == "binary":
        truth, predicted = is_label(truth, positive), is_label(predicted, positive)
        return float(sklearn_metrics().fbeta_score(truth, predicted, beta=beta, zero_division=0.0))
    known = None if labels is None else _known(labels, truth)
    truth, predicted, weights = _quiet(truth, predicted)
    return float(
        sklearn_metrics().fbeta_score(
            truth,
            predicted,
            beta=beta,
            average=average,
            labels=known,
            sample_weight=weights,
            zero_division=0.0,
        )
    )


def f1(truth: Array, predicted: Array, *, positive: Label) -> float:
    """F1 of the label ``positive`` (default 1): 2 P R / (P + R).

    ``sklearn.metrics.f1_score``. It is 0 if the label occurs neither in truth nor in prediction.
    """
    return f_beta(truth, predicted, beta=1.0, average="binary", positive=positive, labels=None)


def f1_macro(truth: Array, predicted: Array, *, labels: Sequence[Label] | None) -> float:
    """Unweighted mean of the classes' F1.

    ``sklearn.metrics.f1_score(average="macro")``. Classes are those in ``labels``, or by default
    all that occur in truth or prediction. A class that is never right counts 0.
    """
    return f_beta(truth, predicted, beta=1.0, average="macro", positive=1, labels=labels)


def f1_micro(truth: Array, predicted: Array, *, labels: Sequence[Label] | None) -> float:
    """F1 of the counts summed over the classes; the accuracy when all classes count.

    ``sklearn.metrics.f1_score(average="micro")``.
    """
    return f_beta(truth, predicted, beta=1.0, average="micro", positive=1, labels=labels)


def f1_weighted(truth: Array, predicted: Array, *, labels: Sequence[Label] | None) -> float:
    """Mean of the classes' F1, weighted by their rows in the truth.

    ``sklearn.metrics.f1_score(average="weighted")``.
    """
    return f_beta(truth, predicted, beta=1.0, average="weighted", positive=1, labels=labels)


def kappa(
    truth: Array, predicted: Array, *, labels: Sequence[Label] | None, weights: str | None
) -> float:
    """Cohen's kappa: agreement beyond chance, 1 - observed / expected disagreement.

    ``sklearn.metrics.cohen_kappa_score``. ``weights`` is the cost of being off by d ratings: always
    1 (unweighted), d (linear) or d² (quadratic). With weights, the ratings are ``labels`` in their
    order, or by default every integer between the lowest and the highest that occur (as in Kaggle's
    definition, so a rating that happens to be absent still keeps its neighbours apart). It is 0 for
    any constant prediction, even if the truth is the same constant.
    """
    if len(np.unique(truth)) == 1 and np.array_equal(truth, predicted):
        return 0.0
    known = _known(labels, truth) if labels is not None else None
    if known is None and weights is not None:
        lowest, highest = _rating_span(truth, predicted)
        known = np.arange(lowest, highest + 1)
    if known is not None and not np.isin(truth, known).all():
        raise TaskError("metric kappa: the answers have labels that the parameter 'labels' lacks")
    truth, predicted, sample_weight = _quiet(truth, predicted)
    return float(
        sklearn_metrics().cohen_kappa_score(
            truth, predicted, labels=known, weights=weights, sample_weight=sample_weight
        )
    )


def matthews(truth: Array, predicted: Array) -> float:
    """Matthews correlation coefficient, for any number of classes.

    ``sklearn.metrics.matthews_corrcoef``. It is 0 if truth or prediction is constant.
    """
    if len(np.unique(truth)) == 1 or len(np.unique(predicted)) == 1:
        return 0.0
    truth, predicted, weights = _quiet(truth, predicted)
    return float(sklearn_metrics().matthews_corrcoef(truth, predicted, sample_weight=weights))


def is_label(column: Array, label: Label, param: str = "positive") -> Array:
    """The rows in which ``column`` has ``label``, as a mask.

    Raises:
        TaskError: One is text and the other a number, so that they could never be equal.
    """
    if isinstance(label, str) != (column.dtype.kind not in "iufb"):
        kind = "text" if column.dtype.kind not in "iufb" else "numbers"
        raise TaskError(f"parameter {param!r}: the labels are {kind}, found {show(label)}")
    return np.asarray(column == label, dtype=bool)


def _known(labels: Sequence[Label], truth: Array) -> Array:
    for label in labels:
        is_label(truth[:1], label, "labels")
    return np.array(labels, dtype=truth.dtype)


def _quiet(truth: Array, predicted: Array) -> tuple[Array, Array, Array | None]:
    """Truth, prediction and weights for which scikit-learn doesn't warn.

    It warns if more than half of the labels are distinct, which a submission can cause. Repeating
    a row with weight 0 lowers that share and changes no score.
    """
    distinct = max(len(np.unique(truth)), len(np.unique(predicted)))
    if len(truth) <= 20 or distinct <= len(truth) // 2:
        return truth, predicted, None
    weights = np.concatenate([np.ones(len(truth)), np.zeros(2 * distinct)])
    more_truth = np.repeat(truth[:1], 2 * distinct)
    more_predicted = np.repeat(predicted[:1], 2 * distinct)
    return (
        np.concatenate([truth, more_truth]),
        np.concatenate([predicted, more_predicted]),
        weights,
    )


def _few_labels(predicted: Array, **_: Any) -> None:
    found = len(np.unique(predicted))
    if found > MOST_LABELS:
        raise UnscorablePrediction(
            "too_many_labels", f"{found:,} distinct labels", f"at most {MOST_LABELS:,}"
        )


def _ratings(predicted: Array, *, labels: Sequence[Label] | None, **_: Any) -> None:
    """Refuse ratings outside ``labels``, or so far apart that the scale would be huge."""
    if labels is not None:
        unknown = ~np.isin(predicted, _known(labels, predicted))
        refuse(unknown, predicted, "value_not_allowed", f"one of {listing(labels)}")
        return
    if predicted.dtype.kind not in "iu":
        raise TaskError("metric kappa: text labels require the parameter 'labels', in order")
    if int(predicted.max()) - int(predicted.min()) > MOST_LABELS:
        found = f"ratings from {predicted.min()} to {predicted.max()}"
        raise UnscorablePrediction("out_of_range", found, f"ratings at most {MOST_LABELS:,} apart")


def _rating_span(truth: Array, predicted: Array) -> tuple[int, int]:
    lowest = min(int(truth.min()), int(predicted.min()))
    highest = max(int(truth.max()), int(predicted.max()))
    if highest - lowest > 2 * MOST_LABELS:
        raise SubmissionError(
            "out_of_range",
            f"the predicted ratings are over {MOST_LABELS:,} away from the real ones",
        )
    return lowest, highest


def _is_label_list(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) > 0
        and all(map(_is_label, value))
        and len({type(label) for label in value}) == 1
        and len(set(value)) == len(value)
    )


def _is_label(value: Any) -> bool:
    return type(value) is str or (type(value) is int and -(2**63) <= value < 2**63)


POSITIVE = Param("the label to look for, an integer or a string", _is_label, 1)
LABELS = Param(
    "a list of distinct labels, all integers or all strings",
    lambda value: value is None or _is_label_list(value),
    None,
)
BETA = Param("a number above 0", lambda v: type(v) in (int, float) and 0 < v <= LARGEST)
AVERAGE = Param(
    "'binary', 'macro', 'micro' or 'weighted'",
    lambda v: v in ("binary", "macro", "micro", "weighted"),
    "binary",
)


def _metric(name: str, title: str, function: Callable[..., float], **more: Any) -> Metric:
    return Metric(name, title, True, 1.0, more.pop("worst", 0.0), "label", function, **more)


def _kappa(name: str, title: str, weights: str | None) -> Metric:
    function = partial(kappa, weights=weights)
    function.__doc__ = kappa.__doc__
    return _metric(
        name,
        title,
        function,
        worst=-1.0,
        params={"labels": LABELS},
        check_predicted=_ratings if weights else _few_labels,
    )


LABEL_METRICS = (
    _metric("accuracy", "Accuracy", accuracy),
    _metric("balanced_accuracy", "Balanced accuracy", balanced_accuracy),
    _metric("f1", "F1 score", f1, params={"positive": POSITIVE}),
    _metric("f1_macro", "Macro-averaged F1 score", f1_macro, params={"labels": LABELS}),
    _metric("f1_micro", "Micro-averaged F1 score", f1_micro, params={"labels": LABELS}),
    _metric("f1_weighted", "Weighted F1 score", f1_weighted, params={"labels": LABELS}),
    _metric(
        "f_beta",
        "F-beta score",
        f_beta,
        params={"beta": BETA, "average": AVERAGE, "positive": POSITIVE, "labels": LABELS},
    ),
    _kappa("kappa", "Cohen's kappa", None),
    _kappa("linear_kappa", "Linearly weighted kappa", "linear"),
    _kappa("quadratic_kappa", "Quadratically weighted kappa", "quadratic"),
    _metric(
        "matthews",
        "Matthews correlation coefficient",
        matthews,
        worst=-1.0,
        check_predicted=_few_labels,
    ),
)

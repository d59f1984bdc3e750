"""What planning asks about a batch: how an answer follows from what it may yield, and its score.

data/question.json has the metric, the columns of the submission, the limits in kilograms that the
question is about, and the quantile of a pinball loss.
"""

import numpy as np


def targets(question, yields):
    """What is right for batches with these yields: an array (batches, columns)."""
    limits = np.array(question["limits"])
    if question["metric"] == "quadratic_kappa":
        return np.searchsorted(limits, yields, side="right")[:, None]
    if question["metric"] in ("roc_auc", "roc_auc_columns"):
        return (yields[:, None] < limits).astype(int)
    return yields[:, None]


def answers(question, draws, known):
    """The answers for batches that may yield any of their draws: (batches, draws) in, as targets.

    Grades are given out in the shares that they have among known yields: a grade that is the mean
    of what may be is never an extreme one.
    """
    metric, limits = question["metric"], np.array(question["limits"])
    if metric == "rmsle":
        return np.expm1(np.log1p(draws.clip(0)).mean(1))[:, None]
    if metric in ("roc_auc", "roc_auc_columns"):
        return (draws[:, :, None] < limits).mean(1)
    if metric == "quadratic_kappa":
        expected = np.searchsorted(limits, draws, side="right").mean(1)
        shares = [(known < limit).mean() for limit in limits]
        return np.searchsorted(np.quantile(expected, shares), expected, side="right")[:, None]
    return np.quantile(draws, question["alpha"] or 0.5, axis=1)[:, None]


def score(question, truth, predicted):
    """The metric; the targets come first."""
    return float(np.mean([METRICS[question["metric"]](t, p, question["alpha"])
                          for t, p in zip(truth.T, predicted.T, strict=True)]))  # fmt: skip


def absolute(truth, predicted, alpha):
    return np.abs(truth - predicted).mean()


def pinball(truth, predicted, alpha):
    error = truth - predicted
    return np.maximum(alpha * error, (alpha - 1) * error).mean()


def logarithmic(truth, predicted, alpha):
    return np.sqrt(((np.log1p(truth) - np.log1p(predicted.clip(0))) ** 2).mean())


def area(truth, predicted, alpha):
    """Under the ROC curve."""
    positive = truth.sum()
    over = ranks(predicted)[truth == 1].sum() - positive * (positive + 1) / 2
    return over / (positive * (len(truth) - positive))


def kappa(truth, predicted, alpha):
    """Cohen's kappa with quadratic weights."""
    apart = (truth[:, None] - predicted) ** 2
    return 1 - np.diagonal(apart).mean() / apart.mean()


def spearman(truth, predicted, alpha):
    a, b = ranks(truth), ranks(predicted)
    return np.corrcoef(a, b)[0, 1] if a.std() * b.std() > 0 else 0.0


def ranks(values):
    """From 1; equal values share the mean of their ranks."""
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[codes]


METRICS = {
    "mae": absolute,
    "pinball": pinball,
    "rmsle": logarithmic,
    "roc_auc": area,
    "roc_auc_columns": area,
    "quadratic_kappa": kappa,
    "spearman": spearman,
}

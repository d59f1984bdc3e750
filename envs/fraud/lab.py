"""The fraud desk's toolbox: fits one model to data/train.csv and writes submission.csv.

python data/lab.py --pattern pairs|steps --history settled|recent --scores absolute|relative

pattern  pairs: the log odds of fraud are linear in the signals and all products of two of them;
         steps: they have a step at each sixth of each signal
history  settled: payments of more than 60 days ago, whose frauds have been reported; recent: the
         others, each reported fraud counted for those that will be reported later
scores   absolute: as the merchants compute them; relative: less the merchant's mean

Payments are reviewed where the expected loss exceeds the cost of a review. The validation is the
share of the losses in recent payments, less the cost of a review each, that the reviews save, by
models that were fitted to other payments.
"""

import argparse
import csv
from datetime import date
from pathlib import Path

import numpy as np

EXPORT, SETTLED, REVIEW = date(2025, 9, 30), 60, 8.0
LOGARITHMS = ("distance_km", "minutes_since_last", "account_age_days")
SIGNALS = (*LOGARITHMS, "attempts_score", "device_score", "basket_score")
FOLDS = 4
PENALTY = 1.0
CHOICES = {
    "pattern": ("pairs", "steps"),
    "history": ("settled", "recent"),
    "scores": ("absolute", "relative"),
}


def read(name):
    with Path("data", name).open(newline="") as file:
        return list(csv.DictReader(file))


def euros(rows):
    return np.array([float(r["amount"]) / (100 if r["unit"] == "cent" else 1) for r in rows])


def table(rows, scores):
    """Signals in standard deviations, skewed ones as logarithms, gaps filled with the median."""
    x = np.array([[float(row[name]) for name in SIGNALS] for row in rows])
    x[x[:, 2] == -1, 2] = np.nan
    x[:, : len(LOGARITHMS)] = np.log1p(x[:, : len(LOGARITHMS)])
    x = np.where(np.isnan(x), np.nanmedian(x, axis=0), x)
    if scores == "relative":
        _, merchant = np.unique([row["merchant"] for row in rows], return_inverse=True)
        for column in range(len(LOGARITHMS), len(SIGNALS)):
            mean = np.bincount(merchant, x[:, column]) / np.bincount(merchant)
            x[:, column] -= mean[merchant]
    return (x - x.mean(0)) / x.std(0)


def shapes(z, pattern):
    """The columns in which the log odds are linear."""
    if pattern == "pairs":
        i, j = np.triu_indices(z.shape[1])
        columns = [z, z[:, i] * z[:, j]]
    else:
        cuts = np.array([-0.97, -0.43, 0.0, 0.43, 0.97])
        columns = [(z[:, :, None] > cuts).reshape(len(z), -1) - 0.5]
    return np.hstack([*columns, np.ones((len(z), 1))])


def logistic(a, y, weight):
    """Weights that maximise the penalised likelihood, by Newton's method."""
    penalty = np.r_[np.full(a.shape[1] - 1, PENALTY), 0.0]
    rate = (weight * y).sum() / weight.sum()
    w = np.r_[np.zeros(a.shape[1] - 1), np.log(rate / (1 - rate))]
    weight = weight * y.sum() / (weight * y).sum()  # as much evidence as there are frauds

    def cost(w):
        z = (a @ w).clip(-30, 30)
        return (weight * (np.log1p(np.exp(z)) - y * z)).sum() + (penalty * w * w).sum() / 2

    now = cost(w)
    for _ in range(8):
        p = 1 / (1 + np.exp(-(a @ w).clip(-30, 30)))
        curve = (a * (weight * p * (1 - p))[:, None]).T @ a + np.diag(penalty + 1e-6)
        step = np.linalg.solve(curve, a.T @ (weight * (p - y)) + penalty * w)
        while (after := cost(w - step)) > now and np.abs(step).max() > 1e-4:
            step = step / 2
        w, now = w - step, after
    return w


def maturity(rows, age):
    """The probability that a fraud of that age has been reported, from settled ones."""
    delays = [
        float(row["reported_after_days"])
        for row, days in zip(rows, age, strict=True)
        if row["fraud"] == "1" and days > SETTLED
    ]
    return np.searchsorted(np.sort(delays), age, side="right").clip(1) / len(delays)


def fit(train, test, pattern, history, scores):
    """Probabilities of fraud for both tables, and what is known about the first."""
    n = len(train)
    a = shapes(table(train + test, scores), pattern)
    age = np.array([(EXPORT - date.fromisoformat(row["day"])).days for row in train])
    y = np.array([float(row["fraud"]) for row in train])
    weight = np.array([float(row["sampled_one_in"]) for row in train])
    weight = np.where(y == 1, weight / maturity(train, age).clip(0.1), weight)
    recent, fold = age <= SETTLED, np.arange(n) % FOLDS
    p = np.zeros(len(a))
    for k in range(FOLDS + 1):  # the last one holds back nothing
        held = np.flatnonzero(fold == k) if k < FOLDS else np.arange(n, len(a))
        use = recent & (fold != k) if history == "recent" else ~recent
        if history == "recent" or k in (0, FOLDS):
            w = logistic(a[:n][use], y[use], weight[use])
        p[held] = 1 / (1 + np.exp(-(a[held] @ w).clip(-30, 30)))
    return p[:n], p[n:], y, weight, recent


def saved(p, amounts, y, weight):
    """What reviews save, as a share of all losses in frauds that are worth a review.

    Each payment counts with the usual amounts, not with its own: a few large frauds would decide.
    """
    amount = np.quantile(amounts, (np.arange(30) + 0.5) / 30)
    gain = weight[:, None] * (y[:, None] * amount - REVIEW)
    return gain[p[:, None] * amount > REVIEW].sum() / gain.clip(0).sum()


def write(test, p):
    lines = [
        f"{row['id']},{int(loss > REVIEW)}" for row, loss in zip(test, p * euros(test), strict=True)
    ]
    Path("submission.csv").write_text("\n".join(["id,review", *lines, ""]))


def main():
    parser = argparse.ArgumentParser()
    for name, values in CHOICES.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    options = vars(parser.parse_args())
    train, test = read("train.csv"), read("test.csv")
    known, predicted, y, weight, recent = fit(train, test, **options)
    write(test, predicted)
    share = saved(known[recent], euros(train)[recent], y[recent], weight[recent])
    print(f"{int(y.sum())} reported frauds, {int(y[recent].sum())} of them recent")
    print(f"validation: {share:.4f}")


if __name__ == "__main__":
    main()

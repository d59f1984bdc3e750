"""The laboratory's toolbox: fits one model to data/train.csv and writes submission.csv.

python data/lab.py --model linear|pairs|steps|local --target plain|log
                   --zero value|gap --rows all|recent

model   linear: ridge regression; pairs: with all products of two readings;
        steps: boosted stumps; local: kernel ridge regression
target  what is fitted: the yield, or its logarithm
zero    what an additive_flow of 0 is: a value, or a gap to fill with the median
rows    all batches, or those since the overhaul alone

It prints the loss on batches since the overhaul that the model was not fitted to (five folds),
and whether the errors have something in common. The last line is the loss alone.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np

OVERHAUL = "2024-05-06T06:00"
NUMBERS = ("additive_flow", "feed_temp", "pressure_bar", "ph", "stirrer_rpm", "residence_min")
FOLDS = 5


def read(name):
    """Rows of a file, those that were logged twice once."""
    with Path("data", name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    seen = {}
    for row in rows:
        key = tuple(value for column, value in row.items() if column != "id")
        seen.setdefault(key if name == "train.csv" else row["id"], row)
    return list(seen.values())


def number(text):
    """A reading; temperatures in Celsius, NaN where the sensor failed."""
    value, _, unit = text.partition(" ")
    value = float(value)
    return np.nan if value == -999 else (value - 32) / 1.8 if unit == "F" else value


def table(rows):
    return np.array([[number(row[name]) for name in NUMBERS] for row in rows])


def scaled(x, zero, fitted):
    """Readings without gaps, in standard deviations; statistics are those of the fitted rows."""
    x = x.copy()
    if zero == "gap":
        x[x[:, 0] == 0, 0] = np.nan
    median = np.nanmedian(x[fitted], axis=0)
    x = np.where(np.isnan(x), median, x)
    return (x - x[fitted].mean(0)) / (x[fitted].std(0) + 1e-9)


def ridge(a, y, b):
    """Linear regression, shrunk as much as leave-one-out errors ask for."""
    mean, level = a.mean(0), y.mean()
    u, s, v = np.linalg.svd(a - mean, full_matrices=False)
    best = np.inf
    for penalty in (0.1, 0.3, 1, 3, 10, 30, 100):
        k = s / (s * s + penalty)
        leverage = (u * u) @ (s * k) + 1 / len(y)
        left_out = (y - level - u @ (s * k * (u.T @ (y - level)))) / (1 - leverage).clip(0.05)
        if (left_out**2).mean() < best:
            best, w = (left_out**2).mean(), v.T @ (k * (u.T @ (y - level)))
    return level + (b - mean) @ w


def pairs(a, y, b):
    i, j = np.triu_indices(a.shape[1])
    return ridge(np.hstack([a, a[:, i] * a[:, j]]), y, np.hstack([b, b[:, i] * b[:, j]]))


def steps(a, y, b, rounds=60, rate=0.35):
    """Boosting, each round one cut of one reading."""
    order = np.argsort(a, 0, kind="stable")
    x = np.take_along_axis(a, order, 0)
    n, allowed = len(y), x[1:] > x[:-1]
    left = np.arange(1, n)[:, None]
    p, q = np.full(n, y.mean()), np.full(len(b), y.mean())
    for _ in range(rounds):
        sums = np.cumsum((y - p)[order], 0)
        below, total = sums[:-1], sums[-1]
        gain = np.where(allowed, below**2 / left + (total - below) ** 2 / (n - left), -1)
        i, j = divmod(int(gain.argmax()), a.shape[1])
        cut = (x[i, j] + x[i + 1, j]) / 2
        low, high = below[i, j] / (i + 2), (total[j] - below[i, j]) / (n - i)
        p += rate * np.where(a[:, j] <= cut, low, high)
        q += rate * np.where(b[:, j] <= cut, low, high)
    return q


def local(a, y, b):
    """Kernel ridge regression, its width and penalty chosen by leave-one-out errors."""
    level, best = y.mean(), np.inf
    square = (a * a).sum(1)
    near = (square[:, None] + square - 2 * a @ a.T).clip(0)
    far = ((b * b).sum(1)[:, None] + square - 2 * b @ a.T).clip(0)
    for width in (0.05, 0.15, 0.5):
        values, vectors = np.linalg.eigh(np.exp(-width * near))
        turned = vectors.T @ (y - level)
        for penalty in (0.03, 0.1, 0.3, 1):
            k = 1 / (values + penalty)
            weights = vectors @ (k * turned)
            left_out = (weights / ((vectors * vectors) @ k)) ** 2
            if left_out.mean() < best:
                best, chosen = left_out.mean(), (width, weights)
    return level + np.exp(-chosen[0] * far) @ chosen[1]


MODELS = {"linear": ridge, "pairs": pairs, "steps": steps, "local": local}


def loss(y, predicted, alpha):
    error = y - predicted
    if alpha is None:
        return np.abs(error).mean()
    return np.maximum(alpha * error, (alpha - 1) * error).mean()


def fit(train, test, model, target, zero, rows, alpha=None):
    """Predictions for both tables; those for the training rows are by models without them.

    The mean that a model predicts is moved to the quantile that the loss asks for.
    """
    y = np.array([float(row["yield_kg"]) for row in train])
    u = np.log(y) if target == "log" else y
    recent = np.array([row["started"] >= OVERHAUL for row in train])
    used = recent if rows == "recent" else np.ones(len(y), bool)
    x, fold = table(train + test), np.arange(len(y)) % FOLDS
    predicted = np.zeros(len(x))
    for k in range(FOLDS + 1):  # the last one holds back nothing
        a = np.flatnonzero(used & (fold != k))
        b = np.flatnonzero(fold == k) if k < FOLDS else np.arange(len(y), len(x))
        z = scaled(x, zero, a)
        predicted[b] = MODELS[model](z[a], u[a], z[b])
    predicted += np.quantile((u - predicted[: len(y)])[recent], alpha or 0.5)
    if target == "log":
        predicted = np.exp(np.minimum(predicted, u.max() + 1))
    return y, predicted[: len(y)], predicted[len(y) :], recent


def report(y, predicted, train):
    """What an engineer would look at next."""
    error = np.abs(y - predicted)
    zero = np.array([float(row["additive_flow"]) == 0 for row in train])
    ranks = [np.argsort(np.argsort(v)) for v in (predicted, error)]
    print(f"median error where additive_flow is 0: {np.median(error[zero]):.1f} kg")
    print(f"median error elsewhere: {np.median(error[~zero]):.1f} kg")
    print(f"rank correlation of error and prediction {np.corrcoef(*ranks)[0, 1]:.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=MODELS, default="linear")
    parser.add_argument("--target", choices=("plain", "log"), default="plain")
    parser.add_argument("--zero", choices=("value", "gap"), default="value")
    parser.add_argument("--rows", choices=("all", "recent"), default="all")
    options = vars(parser.parse_args())
    alpha = json.loads(Path("data/lab.json").read_text())["alpha"]
    train, test = read("train.csv"), read("test.csv")
    y, known, predicted, recent = fit(train, test, **options, alpha=alpha)
    with Path("submission.csv").open("w") as file:
        file.write("id,yield_kg\n")
        for row, value in zip(test, predicted, strict=True):
            file.write(f"{row['id']},{max(value, 0):.3f}\n")
    report(y[recent], known[recent], [row for row, new in zip(train, recent, strict=True) if new])
    print(f"validation: {loss(y[recent], known[recent], alpha):.4f}")


if __name__ == "__main__":
    main()

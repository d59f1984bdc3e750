"""The laboratory's toolbox: fits one model to data/train.csv and writes submission.csv.

python data/lab.py --model pairs|steps --target plain|log
                   --zero value|gap --rows all|recent

model   pairs: ridge regression on readings and all products of two of them; steps: boosted stumps
target  what is fitted: the yield, or its logarithm
zero    what an additive_flow of 0 is: a value, or a gap to fill with the median
rows    all batches, or those since the overhaul alone

Each fit gives a batch what it may yield, by the errors on batches since the overhaul that the model
was not fitted to (five folds); question.py answers from that what data/question.json asks. Some
figures about these errors are printed, and as the last line the score on these batches.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from question import answers, score, spearman, targets

OVERHAUL = "2024-05-06T06:00"
NUMBERS = ("additive_flow", "feed_temp", "pressure_bar", "ph", "stirrer_rpm", "residence_min")
FOLDS, DRAWS = 5, 40
CHOICES = {
    "model": ("pairs", "steps"),
    "target": ("plain", "log"),
    "zero": ("value", "gap"),
    "rows": ("all", "recent"),
}


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


MODELS = {"pairs": pairs, "steps": steps}


def fit(train, test, model, target, zero, rows):
    """What batches of both tables may yield: an array (batches, draws).

    What is said of the training rows is by models without them.
    """
    y = np.array([float(row["yield_kg"]) for row in train])
    u = np.log(y) if target == "log" else y
    recent = since_overhaul(train)
    used = recent if rows == "recent" else np.ones(len(y), bool)
    x, fold = table(train + test), np.arange(len(y)) % FOLDS
    predicted = np.zeros(len(x))
    for k in range(FOLDS + 1):  # the last one holds back nothing
        a = np.flatnonzero(used & (fold != k))
        b = np.flatnonzero(fold == k) if k < FOLDS else np.arange(len(y), len(x))
        z = scaled(x, zero, a)
        predicted[b] = MODELS[model](z[a], u[a], z[b])
    errors = np.quantile((u - predicted[: len(y)])[recent], (np.arange(DRAWS) + 0.5) / DRAWS)
    draws = predicted[:, None] + errors
    if target == "log":
        draws = np.exp(np.minimum(draws, u.max() + 1))
    return draws[: len(y)], draws[len(y) :]


def since_overhaul(rows):
    return np.array([row["started"] >= OVERHAUL for row in rows])


def validation(question, train, known):
    """The score on the batches since the overhaul."""
    recent = since_overhaul(train)
    y = np.array([float(row["yield_kg"]) for row in train])[recent]
    return score(question, targets(question, y), answers(question, known[recent], y))


def report(train, known):
    """What an engineer would look at next."""
    recent = since_overhaul(train)
    y = np.array([float(row["yield_kg"]) for row in train])[recent]
    predicted = np.median(known[recent], axis=1)
    error = np.abs(y - predicted)
    zero = np.array([float(row["additive_flow"]) == 0 for row in train])[recent]
    print(f"median error where additive_flow is 0: {np.median(error[zero]):.1f} kg")
    print(f"median error elsewhere: {np.median(error[~zero]):.1f} kg")
    print(f"rank correlation of error and prediction {spearman(predicted, error, None):.2f}")


def write(question, train, test, draws):
    """The submission."""
    y = np.array([float(row["yield_kg"]) for row in train])[since_overhaul(train)]
    form = "{:.0f}" if question["metric"] == "quadratic_kappa" else "{:.4f}"
    lines = [",".join(["id", *question["columns"]])]
    for row, values in zip(test, answers(question, draws, y), strict=True):
        lines.append(",".join([row["id"], *(form.format(value) for value in values)]))
    Path("submission.csv").write_text("\n".join([*lines, ""]))


def main():
    parser = argparse.ArgumentParser()
    for name, values in CHOICES.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    question = json.loads(Path("data/question.json").read_text())
    train, test = read("train.csv"), read("test.csv")
    known, draws = fit(train, test, **vars(parser.parse_args()))
    write(question, train, test, draws)
    report(train, known)
    print(f"validation: {validation(question, train, known):.4f}")


if __name__ == "__main__":
    main()

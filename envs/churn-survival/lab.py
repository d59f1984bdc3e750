"""The analysts' toolbox: fits one hazard model to data/train.csv and writes submission.csv.

python data/lab.py --risk pairs|steps --effect lasting|fading --clock tenure|contract

risk    pairs: the log odds of leaving are linear in the traits and all products of two of them;
        steps: they have a step at each sixth of each trait
effect  lasting: a trait counts the same in each month; fading: in the first four months alone
clock   what the level of the hazard follows: the months since joining, or whether a contract ends

A customer counts in each month for which they were seen. The validation is by cross-validation:
the root of the Brier score at each horizon, customers weighted by the inverse of the probability
that they would have been seen for so long, averaged over the horizons.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

TRAITS = ("price_eur", "data_volume", "app_days", "call_minutes", "dropped_calls_pct",
          "satisfaction")  # fmt: skip
MONTHS, WELCOME, DAYS = 12, 4, 30
HORIZONS = (3, 6, 9, 12)
FOLDS = 4
PENALTY = 2.0
CHOICES = {
    "risk": ("pairs", "steps"),
    "effect": ("lasting", "fading"),
    "clock": ("tenure", "contract"),
}


def read(name):
    with Path("data", name).open(newline="") as file:
        return list(csv.DictReader(file))


def number(text):
    """A trait; volumes as the logarithm of gigabytes, NaN where nobody was asked."""
    value, _, unit = text.partition(" ")
    value = float(value)
    if unit:
        return np.log(value / (1000 if unit == "MB" else 1))
    return np.nan if value == -1 else value


def table(rows):
    x = np.array([[number(row[name]) for name in TRAITS] for row in rows])
    x = np.where(np.isnan(x), np.nanmedian(x, axis=0), x)
    return (x - x.mean(0)) / x.std(0)


def shapes(z, risk):
    """The columns in which the log odds are linear."""
    if risk == "pairs":
        i, j = np.triu_indices(z.shape[1])
        return np.hstack([z, z[:, i] * z[:, j]])
    cuts = np.array([-0.97, -0.43, 0.0, 0.43, 0.97])
    return (z[:, :, None] > cuts).reshape(len(z), -1) - 0.5


def months(features, contract, effect, clock):
    """A row for each customer and month: (customers, months, columns), and the level's columns."""
    month = np.arange(MONTHS)
    each = features[:, None, :]
    counts = (month < WELCOME) | (effect == "lasting")
    x = each * counts[:, None]
    if clock == "tenure":
        level = np.broadcast_to(np.eye(MONTHS), (len(features), MONTHS, MONTHS))
    else:
        ends = ((month + 1) % contract[:, None] == 0)[:, :, None]
        level = np.concatenate([ends, ~ends], axis=2) * 1.0
    return x, level


def logistic(x, level, y):
    """Weights that maximise the penalised likelihood, by Newton's method."""
    a = np.hstack([x, level])
    penalty = np.r_[np.full(x.shape[1], PENALTY), np.full(level.shape[1], 0.3)]
    start = np.log(y.mean() / (1 - y.mean()))
    w = np.r_[np.zeros(x.shape[1]), np.full(level.shape[1], start)]
    centre = w.copy()

    def cost(w):
        z = (a @ w).clip(-30, 30)
        return (np.log1p(np.exp(z)) - y * z).sum() + (penalty * (w - centre) ** 2).sum() / 2

    now = cost(w)
    for _ in range(8):
        p = 1 / (1 + np.exp(-(a @ w).clip(-30, 30)))
        curve = (a * (p * (1 - p))[:, None]).T @ a + np.diag(penalty)
        step = np.linalg.solve(curve, a.T @ (p - y) + penalty * (w - centre))
        while (after := cost(w - step)) > now and np.abs(step).max() > 1e-4:
            step = step / 2
        w, now = w - step, after
    return w


def stays(x, level, w):
    """The probability that a customer is still there after each horizon."""
    p = 1 / (1 + np.exp(-(np.concatenate([x, level], axis=2) @ w).clip(-30, 30)))
    return np.cumprod(1 - p, axis=1)[:, np.array(HORIZONS) - 1]


def seen(rows):
    """For each customer the days seen, and whether they left then."""
    return (
        np.array([int(row["days_seen"]) for row in rows]),
        np.array([row["churned"] == "1" for row in rows]),
    )


def exposure(days, churned):
    """Which months count for a customer, and in which of them they left."""
    month = np.arange(MONTHS)
    last = (days - 1)[:, None] // DAYS
    # A month in which somebody was lost from sight, but for its end, says little.
    whole = (month + 1) * DAYS <= days[:, None]
    event = churned[:, None] & (month == last)
    return whole | event, event


def unseen(days, churned):
    """The Kaplan-Meier curve of being lost from sight, as a function of the day."""
    curve = np.ones(MONTHS * DAYS + 2)
    for day in range(1, len(curve)):
        at_risk = (days >= day).sum()
        lost = ((days == day) & ~churned).sum()
        curve[day] = curve[day - 1] * (1 - lost / max(at_risk, 1))
    return curve


def loss(predicted, days, churned):
    """The mean over the horizons of the root of the weighted Brier score."""
    curve, total = unseen(days, churned), []
    for k, horizon in enumerate(HORIZONS):
        end = horizon * DAYS
        left, there = churned & (days <= end), ~(churned & (days <= end)) & (days >= end)
        weight = left / curve[np.minimum(days - 1, end)].clip(0.05) + there / curve[end - 1]
        error = (predicted[:, k] - there) ** 2
        total.append(np.sqrt((weight * error).sum() / weight.sum()))
    return np.mean(total)


def fit(train, test, risk, effect, clock):
    """Predictions for both tables; those for the training rows are by models without them."""
    both = train + test
    contract = np.array([int(row["contract_months"]) for row in both])
    x, level = months(shapes(table(both), risk), contract, effect, clock)
    days, churned = seen(train)
    counts, event = exposure(days, churned)
    fold, predicted = np.arange(len(both)) % FOLDS, np.zeros((len(both), len(HORIZONS)))
    n = len(train)
    for k in range(FOLDS + 1):  # the last one holds back nothing
        a = np.flatnonzero(fold[:n] != k)
        b = np.flatnonzero(fold[:n] == k) if k < FOLDS else np.arange(n, len(both))
        use = counts[a]
        w = logistic(x[a][use], level[a][use], event[a][use] * 1.0)
        predicted[b] = stays(x[b], level[b], w)
    return predicted[:n], predicted[n:], days, churned


def write(test, predicted):
    names = [f"stay_{DAYS * horizon}" for horizon in HORIZONS]
    with Path("submission.csv").open("w") as file:
        file.write(",".join(["id", *names]) + "\n")
        for row, values in zip(test, predicted, strict=True):
            file.write(f"{row['id']}," + ",".join(f"{value:.5f}" for value in values) + "\n")


def main():
    parser = argparse.ArgumentParser()
    for name, values in CHOICES.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    options = vars(parser.parse_args())
    train, test = read("train.csv"), read("test.csv")
    known, predicted, days, churned = fit(train, test, **options)
    write(test, predicted)
    print(f"{churned.sum()} of {len(train)} customers left while they were seen")
    print(f"validation: {loss(known, days, churned):.4f}")


if __name__ == "__main__":
    main()

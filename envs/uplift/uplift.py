"""The shop's uplift models: fits one to data/train.csv and writes submission.csv.

python data/uplift.py --rows all|lottery --effect linear|pairs --outcome orders|basket|returns

rows     which customers the model learns from
effect   linear in the traits, or with all products of two traits
outcome  what a voucher changes: weeks with an order, the euros of an order, or the share kept

The model is an R-learner (X. Nie and S. Wager, "Quasi-oracle estimation of heterogeneous treatment
effects", 2021) of ridge regressions, so that vouchers may depend on the traits. The last line is
the Qini coefficient on the lottery's customers, by cross-validation; it is low for any model, since
one customer is seen either with a voucher or without.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

LOGARITHMIC = ("months_known", "days_between_orders", "distance_km")
TRAITS = (*LOGARITHMIC, "on_offer_pct", "app_days", "returns_pct", "brands", "evening_pct")
CHOICES = {
    "rows": ("all", "lottery"),
    "effect": ("linear", "pairs"),
    "outcome": ("orders", "basket", "returns"),
}
FOLDS = 5


def read(name):
    with Path("data", name).open(newline="") as file:
        return list(csv.DictReader(file))


def column(rows, name):
    return np.array([float(row[name]) for row in rows])


def table(rows):
    """Standardised traits; customers without the app count as typical users of it."""
    x = np.stack([column(rows, name) for name in TRAITS], axis=1)
    x[:, : len(LOGARITHMIC)] = np.log(x[:, : len(LOGARITHMIC)])
    unknown = x == -1
    x = np.where(unknown, np.median(x, axis=0), x)
    return (x - x.mean(0)) / x.std(0)


def pairs(x):
    i, j = np.triu_indices(x.shape[1])
    return np.hstack([x, x[:, i] * x[:, j]])


def ridge(a, y, penalty):
    """Predicts y from columns, with an intercept."""
    centre, level = a.mean(0), y.mean()
    a = a - centre
    weights = np.linalg.solve(a.T @ a + penalty * np.eye(a.shape[1]), a.T @ (y - level))
    return lambda b: level + (b - centre) @ weights


def effect_of(t, y, x, kind):
    """A function that says how much y rises with t, by traits."""
    flexible = pairs(x)
    rest = y - ridge(flexible, y, 10)(flexible)
    chance = ridge(x, t, 10)(x).clip(0.05, 0.95)
    shape = pairs if kind == "pairs" else np.asarray
    a = np.hstack([np.ones((len(x), 1)), shape(x)]) * (t - chance)[:, None]
    penalty = np.r_[0.1, np.full(a.shape[1] - 1, 20.0)]
    weights = np.linalg.solve(a.T @ a + np.diag(penalty), a.T @ rest)
    return lambda z: weights[0] + shape(z) @ weights[1:]


def gains(data, use, new, effect, outcome):
    """The gain in euros of the customers ``new``, learned from the customers ``use``."""
    changed = data[outcome]
    level = ridge(data["x"][use], data["kept"][use], 10)
    use = use[np.isfinite(changed[use])]
    x, y = data["x"][use], changed[use]
    rise = effect_of(data["voucher"][use], y, x, effect)
    return level(data["x"][new]) * rise(data["x"][new]) / ridge(x, y, 10)(data["x"][new]).clip(0.01)


def qini(gain, predicted):
    """The area that an order wins over a random one, as a share of what the best order wins."""
    return np.cov(ranks(predicted), gain)[0, 1] / np.cov(ranks(gain), gain)[0, 1]


def ranks(values):
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[at]


def load():
    train, test = read("train.csv"), read("test.csv")
    weeks, ordered = column(train, "weeks_ordered"), column(train, "ordered_eur")
    kept = ordered - column(train, "returned_eur")
    some = np.where(weeks > 0, weeks, np.nan)
    return {
        "customer": [row["customer"] for row in test],
        "x": table(train + test),
        "lottery": np.array([row["chosen_by"] == "lottery" for row in train]),
        "voucher": column(train, "voucher"),
        "kept": kept,
        "orders": weeks,
        "basket": ordered / some,
        "returns": kept / np.where(weeks > 0, ordered, np.nan),
    }


def fit(data, rows="all", effect="linear", outcome="orders"):
    """Gains of the customers to rank, and the Qini coefficient on the lottery's customers."""
    n, lottery = len(data["voucher"]), np.flatnonzero(data["lottery"])
    pool = np.arange(n) if rows == "all" else lottery
    predicted = np.zeros(n)
    for fold in range(FOLDS):
        held = lottery[fold::FOLDS]
        predicted[held] = gains(data, np.setdiff1d(pool, held), held, effect, outcome)
    x, t, kept = data["x"][lottery], data["voucher"][lottery], data["kept"][lottery]
    seen = 4 * (t - 0.5) * (kept - ridge(pairs(x), kept, 10)(pairs(x)))
    new = np.arange(n, len(data["x"]))
    return gains(data, pool, new, effect, outcome), qini(seen, predicted[lottery])


def write(data, gain):
    lines = [f"{c},{g:.4f}" for c, g in zip(data["customer"], gain, strict=True)]
    Path("submission.csv").write_text("\n".join(["customer,gain", *lines, ""]))


def main():
    parser = argparse.ArgumentParser()
    for name, values in CHOICES.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    data = load()
    gain, value = fit(data, **vars(parser.parse_args()))
    write(data, gain)
    vouchers = data["voucher"]
    print(f"{vouchers.sum():.0f} of {len(vouchers)} customers had a voucher")
    print(f"validation: {value:.4f}")


if __name__ == "__main__":
    main()

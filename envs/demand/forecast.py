"""The planners' forecasts: a level for each product, times a season, times a promotion.

    python data/forecast.py --season week --promotion flat --empty keep --level recent

--season     week    a factor for each day of the week
             month   a factor for each sixth of the month
--promotion  flat    any promotion has the same factor
             depth   the factor grows with the discount
--empty      keep    days whose shelf was empty in the evening count like others
             skip    they are left out
--level      recent  of the last three weeks
             all     of all the past

Writes submission.csv. The last line is the weighted absolute percentage error on the trial's
products, in the last six weeks, from what was known before them.
"""

import csv
import sys
from datetime import date
from pathlib import Path

import numpy as np

CHOICES = {
    "season": ("week", "month"),
    "promotion": ("flat", "depth"),
    "empty": ("keep", "skip"),
    "level": ("recent", "all"),
}
RECENT, TRIAL = 21, 42


def read(folder="data"):
    """The columns of train and test in a row, as numbers, and which products were in the trial."""
    rows = []
    for name in ("train", "test"):
        with Path(folder, f"{name}.csv").open(encoding="utf-8") as file:
            rows += list(csv.DictReader(file))
    days = {text: date.fromisoformat(text) for text in {row["date"] for row in rows}}
    codes = {code: i for i, code in enumerate(sorted({row["product"] for row in rows}))}
    dates = [days[row["date"]] for row in rows]
    with Path(folder, "trial.csv").open(encoding="utf-8") as file:
        trial = [codes[row["product"]] for row in csv.DictReader(file)]
    return {
        "id": [row["id"] for row in rows],
        "day": np.array([day.toordinal() for day in dates]) - min(dates).toordinal(),
        "week": np.array([day.weekday() for day in dates]),
        "month": np.array([min((day.day - 1) // 5, 5) for day in dates]),
        "product": np.array([codes[row["product"]] for row in rows]),
        "discount": np.array([float(row["discount"] or 0) for row in rows]) / 100,
        "empty": np.array([row.get("sold_out") == "1" for row in rows]),
        "sales": np.array([float(row.get("sales") or "nan") for row in rows]),
    }, trial


def centred(values, groups):
    """Values minus the mean of their group."""
    count = np.maximum(np.bincount(groups), 1)
    return values - (np.bincount(groups, values) / count)[groups]


def forecast(table, until, season, promotion, empty, level):
    """A forecast for each row, from the rows before a day."""
    off = table["discount"]
    effects = [1.0 * (table[season] == k) for k in range(1, table[season].max() + 1)]
    effects = np.stack([*effects, (off > 0) * 1.0 if promotion == "flat" else off], 1)
    known = (table["day"] < until) & ~np.isnan(table["sales"])
    if empty == "skip":
        known &= ~table["empty"]
    y = np.log(table["sales"][known] + 0.5)
    product, day = table["product"], table["day"]
    # Within a product and some weeks, so that a level that moves isn't taken for an effect.
    groups = product[known] * 1000 + day[known] // RECENT
    x = np.stack([centred(column, groups) for column in effects[known].T], 1)
    ridge = 0.5 * np.eye(x.shape[1])
    weights = np.linalg.solve(x.T @ x + ridge, x.T @ centred(y, groups))
    rest = y - effects[known] @ weights
    count = product.max() + 1
    overall = np.bincount(product[known], rest, count) / np.bincount(product[known], None, count)
    mean = overall
    if level == "recent":
        late = day[known] >= until - RECENT
        sums = np.bincount(product[known][late], rest[late], count)
        mean = (sums + overall) / (np.bincount(product[known][late], None, count) + 1)
    return np.maximum(np.exp(mean[product] + effects @ weights) - 0.5, 0)


def validation(table, trial, first, choice):
    """The error on the trial's products, six weeks ahead."""
    made = forecast(table, first - TRIAL, **choice)
    day = table["day"]
    rows = np.isin(table["product"], trial) & (day >= first - TRIAL) & (day < first)
    rows &= ~np.isnan(table["sales"])
    return abs(made - table["sales"])[rows].sum() / table["sales"][rows].sum()


def first_test_day(table):
    return table["day"][~np.isnan(table["sales"])].max() + 1


def write(table, made):
    """The submission: the forecasts for the days after the last known one."""
    ahead = np.flatnonzero(table["day"] >= first_test_day(table))
    lines = [f"{table['id'][row]},{made[row]:.3f}" for row in ahead]
    Path("submission.csv").write_text("\n".join(["id,sales", *lines, ""]), encoding="utf-8")


def main(arguments):
    asked = {k.lstrip("-"): v for k, v in zip(arguments[::2], arguments[1::2], strict=False)}
    if set(asked) != set(CHOICES) or any(asked[k] not in CHOICES[k] for k in asked):
        raise SystemExit(__doc__)
    table, trial = read()
    first = first_test_day(table)
    write(table, forecast(table, first, **asked))
    print(f"validation: {validation(table, trial, first, asked):.4f}")


if __name__ == "__main__":
    main(sys.argv[1:])

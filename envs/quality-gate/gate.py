"""The warehouse's gate: measures how far each delivery deviates, in one respect.

    python data/gate.py --metric volume --scope shop --span sudden

--metric  volume   the number of receipts
          price    revenue by item
--scope   shop     how far the shop is from the chain's median of the day
          chain    that median of the day itself
--span    sudden   how far the day is from the median of the seven days around it
          lasting  that median of seven days itself

Deviations are those from what is usual for the shop, the day of the week and the time of the year.
Writes submission.csv. The last line is the average precision on the audited deliveries.
"""

import csv
import sys
from pathlib import Path

import numpy as np

CHOICES = {
    "metric": ("volume", "price"),
    "scope": ("shop", "chain"),
    "span": ("sudden", "lasting"),
}
AROUND, MONTHS = 7, 57
"""Days of the two running medians: what lasts, and what is a season."""


def read(name):
    with Path("data", name).open(newline="") as file:
        return list(csv.DictReader(file))


def grid(rows, metric):
    """The logarithm of the metric by shop and day, gaps filled, and each row's place in it."""
    day = np.array([row["day"] for row in rows], "datetime64[D]").astype(int)
    day -= day.min()
    _, shop = np.unique([row["shop"] for row in rows], return_inverse=True)
    above, below = ("receipts", None) if metric == "volume" else ("revenue", "items")
    values = np.log([float(row[above]) for row in rows])
    if below:
        values -= np.log([float(row[below]) for row in rows])
    table = np.full((shop.max() + 1, day.max() + 1), np.nan)
    table[shop, day] = values
    return table, (shop, day)


def running_median(table, window):
    half = window // 2
    padded = np.pad(table, ((0, 0), (half, half)), mode="reflect")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, window, axis=1), axis=2)


def deviations(table):
    """What is left without each shop's week and the slow change of months; 0 in gaps."""
    left = table - np.nanmedian(table, axis=1, keepdims=True)
    for weekday in range(7):
        left[:, weekday::7] -= np.nanmedian(left[:, weekday::7], axis=1, keepdims=True)
    left = np.nan_to_num(left)
    return left - running_median(left, MONTHS)


def suspicion(rows, metric, scope, span):
    """How far each row's delivery deviates in this respect."""
    table, place = grid(rows, metric)
    left = deviations(table)
    middle = np.median(left, axis=0, keepdims=True)
    left = np.broadcast_to(middle, left.shape) if scope == "chain" else left - middle
    lasting = running_median(left, AROUND)
    return np.abs(lasting if span == "lasting" else left - lasting)[place]


def average_precision(faulty, score):
    hits = faulty[np.argsort(-score, kind="stable")]
    return (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits == 1].mean()


def judge(history, test, audits, **choice):
    """A suspicion for each delivery of the test, and the average precision on the audits."""
    score = suspicion(history + test, **choice)
    verdict = {row["delivery"]: int(row["faulty"]) for row in audits}
    known = [at for at, row in enumerate(history) if row["delivery"] in verdict]
    faulty = np.array([verdict[history[at]["delivery"]] for at in known])
    return score[len(history) :], average_precision(faulty, score[known])


def write(test, score):
    rank = (np.argsort(np.argsort(score)) + 0.5) / len(score)
    lines = [f"{row['delivery']},{value:.6f}" for row, value in zip(test, rank, strict=True)]
    Path("submission.csv").write_text("\n".join(["delivery,faulty", *lines, ""]))


def main(arguments):
    asked = {k.lstrip("-"): v for k, v in zip(arguments[::2], arguments[1::2], strict=False)}
    if set(asked) != set(CHOICES) or any(asked[k] not in CHOICES[k] for k in asked):
        raise SystemExit(__doc__)
    history, test, audits = read("history.csv"), read("test.csv"), read("audits.csv")
    score, precision = judge(history, test, audits, **asked)
    write(test, score)
    print(f"{len(audits)} audits, {len(test)} deliveries to judge")
    print(f"validation: {precision:.4f}")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Writes a program that reads the orders line by line, and keeps four small integers of each."""

from pathlib import Path

PROGRAM = '''\
"""Answers data/questions.json from one pass over the orders."""

import csv
import json
from array import array

import numpy as np

REGIONS = range(1, 9)


PLANS = ["basic", "family", "company"]


def read(path, *columns):
    """Some columns of a file, each as an array: (place, kind, function from text to integer)."""
    found = [array(kind) for _, kind, _ in columns]
    with open(path, newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            for values, (place, _, number) in zip(found, columns):
                values.append(number(row[place]))
    return [np.frombuffer(values, dtype=values.typecode) for values in found]


def code(text):
    return int(text, 16)


user, item, region, cents = read(
    "data/orders.csv", (1, "q", code), (2, "i", code), (3, "b", int), (4, "i", int)
)
member, plan = read("data/users.csv", (0, "q", code), (1, "b", PLANS.index))


def rank(values, q):
    return np.sort(values)[int(np.ceil(round(q * len(values), 6))) - 1]


def by_region(function, rows=slice(None)):
    r, u, i, c = region[rows], user[rows], item[rows], cents[rows]
    return [function(u[r == each], i[r == each], c[r == each]) for each in REGIONS]


def largest(counts):
    return np.sort(counts)[::-1][:8]


def commonest(values):
    found, counts = np.unique(values, return_counts=True)
    return found[counts.argmax()]


def spends(u, c=None):
    """What each user spent, or how many orders each had."""
    found, at = np.unique(u, return_inverse=True)
    return np.bincount(at, c)


def answer(asked):
    kind = asked["statistic"]
    if kind == "top_items":
        at = np.unique(item, return_inverse=True)[1]
        return largest(np.bincount(at, None if asked["by"] == "orders" else cents))
    if kind == "top_users":
        return largest(np.unique(user, return_counts=True)[1])
    if kind == "plan_total":
        members = member[plan == PLANS.index(asked["plan"])]
        return by_region(lambda u, i, c: c.sum(dtype=np.int64), np.isin(user, members))
    return by_region({
        "total": lambda u, i, c: c.sum(dtype=np.int64),
        "largest": lambda u, i, c: c.max(),
        "count_from": lambda u, i, c: (c >= asked["cents"]).sum(),
        "quantile": lambda u, i, c: rank(c, asked["q"]),
        "distinct_users": lambda u, i, c: len(np.unique(u)),
        "distinct_pairs": lambda u, i, c: len(np.unique(u * np.int64(16**6) + i)),
        "median_spend": lambda u, i, c: rank(spends(u, c), 0.5),
        "users_with": lambda u, i, c: (spends(u) >= asked["orders"]).sum(),
        "commonest": lambda u, i, c: commonest(c),
    }[kind])


with open("data/questions.json") as file:
    questions = json.load(file)
with open("results.csv", "w") as file:
    print("id,value", file=file)
    for asked in questions:
        for at, value in enumerate(answer(asked), start=1):
            print(f"{10 * asked['question'] + at},{int(value)}", file=file)
'''

Path("answer.py").write_text(PROGRAM, encoding="utf-8")

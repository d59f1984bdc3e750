"""Reads the methods section, and writes a program that follows each of its sentences."""

from pathlib import Path

PROGRAM = '''\
import numpy as np
import pandas as pd

METHOD = __METHOD__
ARMS = ["placebo", "low", "high"]


def steps(readings):
    """The change and the number of visits of each subject of a trial."""
    failed = readings["value"] < 0
    if METHOD["failed are set"]:
        readings.loc[failed, "value"] = 0.25
    else:
        readings = readings[~failed]
    groups = readings.groupby(["arm", "subject", "visit"], sort=False)["value"]
    values = (groups.mean() if METHOD["repeats are averaged"] else groups.first()).reset_index()
    if METHOD["logarithms"]:
        values["value"] = np.log1p(values["value"])
    if METHOD["outliers are removed"]:
        visit = values.groupby("visit")["value"]
        low, middle, high = (visit.transform("quantile", q) for q in (0.25, 0.5, 0.75))
        values = values[(values["value"] - middle).abs() <= 3 * (high - low)]
    values = values.sort_values("visit")
    subjects = values.groupby(["arm", "subject"])["value"]
    found = subjects.agg(["count", "first", "last", "sum"]).reset_index()
    if METHOD["incomplete are excluded"]:
        found = found[found["count"] > 1]
    before = found["first"]
    if METHOD["mean before"]:
        before = (found["sum"] - found["last"]) / (found["count"] - 1)
    found["change"] = (found["last"] - before).fillna(0).round(9)
    return found


def row(group):
    change, count = group["change"], len(group)
    weights = group["count"] if METHOD["weighted"] else None
    ordered = np.sort(change)
    upper = ordered[-(-3 * count // 4) - 1] if METHOD["quartile of data"] else change.quantile(0.75)
    sd = change.std(ddof=0 if METHOD["population"] else 1)
    return [count, np.average(change, weights=weights), sd, group["rank"].mean(), upper]


rows = []
for trial, readings in pd.read_csv("data/readings.csv").groupby("trial"):
    found = steps(readings.copy())
    found["rank"] = found["change"].rank(method="min" if METHOD["smallest rank"] else "average")
    for at, arm in enumerate(ARMS):
        rows.append([10 * trial + at, *row(found[found["arm"] == arm])])
names = ["id", "subjects", "mean", "sd", "mean_rank", "upper_quartile"]
pd.DataFrame(rows, columns=names).to_csv("table.csv", index=False)
'''
SAID = {
    "failed are set": "were set to half the detection limit",
    "repeats are averaged": "we used their mean",
    "logarithms": "ln(1 + x)",
    "outliers are removed": "were removed, once",
    "incomplete are excluded": "with a single visit were excluded",
    "mean before": "less the mean of those before",
    "weighted": "by their number of visits",
    "population": "has n in the denominator",
    "smallest rank": "the smallest of their ranks",
    "quartile of data": "at least three quarters do not exceed",
}

text = " ".join(Path("data/METHODS.md").read_text(encoding="utf-8").split())
method = {name: words in text for name, words in SAID.items()}
Path("analyse.py").write_text(PROGRAM.replace("__METHOD__", repr(method)), encoding="utf-8")

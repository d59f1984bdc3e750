"""Makes what an insurer has of the flights that left New York City in 2013.

The history says what became of each flight; the flights to be priced come after it. Flights without
a tail number are left out: none of them left the ground, so the empty field would be the answer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

FIRST_MONTH = 11
"""Of the canonical test; the history is what lies before it."""
LATE = 30
"""Minutes after which the insurer pays."""
KNOWN = [
    "id", "date", "sched_dep_time", "sched_arr_time", "carrier", "flight", "tailnum", "origin",
    "dest", "distance",
]  # fmt: skip
AFTERWARDS = ["dep_delay", "arr_delay", "disrupted"]
DROPPED = {
    "weather": ["rownames", "year", "month", "day", "hour"],
    "planes": ["rownames", "speed"],  # the speed is known for 23 of 3,322
    "airports": ["rownames"],
}
RENAMED = {"weather": {"time_hour": "observed"}, "planes": {"year": "built"}, "airports": {}}


def prepare(raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit) -> None:
    flights = pd.read_csv(raw / "raw.csv").dropna(subset=["tailnum"])
    flights = flights.sort_values(["time_hour", "carrier", "flight", "dest"], ignore_index=True)
    late = flights["arr_delay"].isna() | (flights["arr_delay"] >= LATE)
    date = pd.to_datetime(flights[["year", "month", "day"]]).dt.strftime("%Y-%m-%d")
    flights = flights.assign(date=date, disrupted=late.astype(int))
    first = int(flights["month"].searchsorted(FIRST_MONTH))
    parts = resplit(flights[:first], flights[first:])
    # One shuffle orders both files and numbers their rows: neither place nor id says anything.
    numbers = np.split(rng.permutation(sum(map(len, parts))) + 1, [len(parts[0])])
    train, test = (
        part.assign(id=ids).sort_values("id") for part, ids in zip(parts, numbers, strict=True)
    )
    _write(train[KNOWN + AFTERWARDS], public / "train.csv")
    _write(test[KNOWN], public / "test.csv")
    _write(test[["id", "disrupted"]], private / "answers.csv")
    for name in DROPPED:
        table = pd.read_csv(raw / f"{name}.csv", dtype=str, keep_default_na=False)
        table = table.drop(columns=DROPPED[name]).rename(columns=RENAMED[name])
        _write(table, public / f"{name}.csv")


def _write(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, lineterminator="\n")

"""Splits the reports by year: those up to 1995 say in which phase of the flight it happened.

Left out are reports without a phase, which nobody could grade, the few from parked or taxiing
aircraft, and the effect on the flight: an aborted take-off tells the phase by its name.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

FIRST_YEAR = 1996
"""Of the canonical test."""
PHASES = ["Approach", "Climb", "Descent", "En Route", "Landing Roll", "Take-off run"]


def prepare(raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit) -> None:
    reports = pd.read_csv(raw / "raw.csv", dtype=str, keep_default_na=False)
    reports = reports[reports["phase_of_flt"].isin(PHASES)]
    date = pd.to_datetime(reports["date"], format="%m/%d/%Y 0:00:00")
    reports = reports.assign(date=date.dt.strftime("%Y-%m-%d"))
    for name in ("ac_mass", "num_engs", "height", "speed"):  # whole numbers, which CSV has as 4.0
        reports[name] = reports[name].str.removesuffix(".0")
    # By everything that is known: the source has the reports of some operators together.
    reports = reports.sort_values(list(reports.columns.drop("phase_of_flt")), ignore_index=True)
    reports = reports.sort_values("date", kind="stable", ignore_index=True)
    first = int(reports["date"].searchsorted(f"{FIRST_YEAR}-01-01"))
    train, test = resplit(reports[:first], reports[first:])
    numbers = rng.permutation(len(train) + len(test)) + 1
    train = train.assign(id=numbers[: len(train)]).sort_values("id")
    test = test.assign(id=numbers[len(train) :]).sort_values("id")
    known = ["id", *reports.columns.drop("phase_of_flt")]
    _write(train[[*known, "phase_of_flt"]], public / "train.csv")
    _write(test[known], public / "test.csv")
    _write(test[["id", "phase_of_flt"]], private / "answers.csv")


def _write(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, lineterminator="\n")

"""Finds the reports of an experiment in the folder where MLE-bench keeps its runs."""

from __future__ import annotations

import csv
from pathlib import Path

from mle_gym.errors import TaskError

__all__ = ["reports_of_experiment"]

GROUPS = "run_group_experiments.csv"
"""Has a row ``experiment_id,run_group`` for each group of runs."""


def reports_of_experiment(experiment: str, runs: Path) -> list[Path]:
    """The reports of all groups of an experiment, in the order of the groups' names.

    Args:
        experiment: Its id in ``run_group_experiments.csv``.
        runs: The folder of that file, in which each group has a folder, as in MLE-bench's ``runs``.

    Raises:
        TaskError: There is no such experiment, none of its groups has a report, or one has two.
        OSError: The folder can't be read.
    """
    try:
        with (runs / GROUPS).open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if len(row) > 1]
    except FileNotFoundError as error:
        raise TaskError(f"{runs}: expected {GROUPS} there, as in MLE-bench's runs") from error
    groups = sorted(row[1].strip() for row in rows if row[0].strip() == experiment)
    if not groups:
        known = ", ".join(sorted({row[0].strip() for row in rows[1:]}))
        raise TaskError(f"no experiment {experiment!r} in {runs / GROUPS} (known: {known})")
    found = [report for group in groups for report in _report(runs / group)]
    if not found:
        raise TaskError(f"no group of {experiment!r} has a grading report in {runs}")
    return found


def _report(folder: Path) -> list[Path]:
    """The report of a group, if it has one."""
    found = sorted(path for path in folder.glob("*grading_report*.json") if path.is_file())
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise TaskError(f"{folder}: expected one grading report, found {names}")
    return found

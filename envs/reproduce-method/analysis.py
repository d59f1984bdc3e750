"""The analysis of one study by a method: a choice of 0 or 1 for each of its decisions."""

import math
from collections import defaultdict

import numpy as np

ARMS = ("placebo", "low", "high")
DETECTION_LIMIT = 0.5


def analyse(readings: list[tuple[str, str, int, float]], method: dict[str, int]) -> list[tuple]:
    """By arm: subjects, mean and standard deviation of the change, mean rank, upper quartile.

    Args:
        readings: Subject, arm, visit and value, in the order of the file.
        method: The choices, by name.
    """
    values, arms = by_visit(readings, method), {each[0]: each[1] for each in readings}
    if method["outliers"]:
        values = without_outliers(values)
    visits = defaultdict(dict)
    for (subject, visit), value in values.items():
        visits[subject][visit] = value
    if method["incomplete"]:
        visits = {subject: each for subject, each in visits.items() if len(each) > 1}
    changes = {subject: change(each, method) for subject, each in visits.items()}
    ranks = rank(changes, method)
    table = []
    for arm in ARMS:
        chosen = [subject for subject in changes if arms[subject] == arm]
        weights = [len(visits[subject]) if method["weights"] else 1 for subject in chosen]
        found = np.array([changes[subject] for subject in chosen])
        table.append(
            (
                len(chosen),
                float(np.average(found, weights=weights)),
                float(found.std(ddof=1 - method["spread"])),
                float(np.mean([ranks[subject] for subject in chosen])),
                upper_quartile(found, method),
            )
        )
    return table


def by_visit(
    readings: list[tuple[str, str, int, float]], method: dict[str, int]
) -> dict[tuple[str, int], float]:
    """One value for each subject and visit."""
    found = defaultdict(list)
    for subject, _, visit, value in readings:
        if value >= 0:
            found[subject, visit].append(value)
        elif method["failed"]:
            found[subject, visit].append(DETECTION_LIMIT / 2)
    combined = {
        key: math.fsum(each) / len(each) if method["repeats"] else each[0]
        for key, each in found.items()
    }
    if not method["scale"]:
        return combined
    return {key: math.log(1 + value) for key, value in combined.items()}


def without_outliers(values: dict[tuple[str, int], float]) -> dict[tuple[str, int], float]:
    """Values within three interquartile ranges of the median of their visit."""
    kept = {}
    for visit in {visit for _, visit in values}:
        same = {key: value for key, value in values.items() if key[1] == visit}
        low, middle, high = np.percentile(list(same.values()), [25, 50, 75])
        kept |= {k: v for k, v in same.items() if abs(v - middle) <= 3 * (high - low)}
    return kept


def change(visits: dict[int, float], method: dict[str, int]) -> float:
    """Of a subject; 0 if there was a single visit."""
    *before, last = (visits[visit] for visit in sorted(visits))
    if not before:
        return 0.0
    return round(last - (math.fsum(before) / len(before) if method["change"] else before[0]), 9)


def rank(changes: dict[str, float], method: dict[str, int]) -> dict[str, float]:
    """Of each subject's change in the study, 1 for the smallest."""
    ordered = np.sort(list(changes.values()))
    first = {subject: np.searchsorted(ordered, value) + 1 for subject, value in changes.items()}
    if method["ties"]:
        return first
    return {
        subject: (first[subject] + np.searchsorted(ordered, value, side="right")) / 2
        for subject, value in changes.items()
    }


def upper_quartile(values: np.ndarray, method: dict[str, int]) -> float:
    if not method["quartile"]:
        return float(np.percentile(values, 75))
    return float(np.sort(values)[math.ceil(0.75 * len(values)) - 1])

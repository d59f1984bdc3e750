"""A submission's columns, inferred from the cells of ``train.csv`` and from the metric."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mle_gym.datasets.tables import NUMERAL, is_integer, kind, meaning
from mle_gym.errors import TaskError
from mle_gym.metrics import Metric

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["class_names", "column_for", "id_type", "params_for", "relabelling"]

WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})(\.0*)?", re.ASCII)
"""A whole number, with or without a point; the numbers of a table that once had missing ones."""
YES_OR_NO = {"true": 1, "false": 0}
ORDERED = re.compile(r"\d{4}-\d\d-\d\d.*", re.ASCII)
"""Dates, whose order as text is that in time."""
WEIGHTED = ("linear_kappa", "quadratic_kappa")
"""Metrics for which the order of classes matters; of two there is but one."""
NUMBERS = ("number", "points")
"""Kinds of metrics that calculate with what is predicted."""


def id_type(ids: Sequence[str | None]) -> str:
    """``int`` where writing the numbers gives the same text; ``00034`` is a name."""
    return "int" if all(map(is_integer, ids)) else "str"


def column_for(cells: pd.Series[Any], metric: Metric, labels: Mapping[str, Any]) -> dict[str, Any]:
    """The declaration of a predicted column; its sample is the best constant guess there is.

    Raises:
        TaskError: The metric has no use for these cells.
    """
    if metric.kind == "probability":
        return {"type": "probability"}
    if metric.kind == "label":
        classes = [_class(cell) for cell in _complete(cells, "a class")]
        if not all(isinstance(value, int) for value in classes):
            classes = list(cells)
        common = max(sorted(Counter(classes).items()), key=lambda item: item[1])[0]
        return {"values": sorted(set(classes)), "sample": common}
    if metric.kind in NUMBERS:
        numbers = meaning(cells.map(labels) if labels else cells)
        if kind(numbers) not in ("integer", "number") or numbers.isna().any():
            found = f"{kind(numbers)} values" if not numbers.isna().any() else "missing values"
            raise _problem(cells, f"expected numbers in every row, found {found}")
        return {"type": "float", "sample": _mean(cells, numbers)}
    return {"type": "str"}


def _mean(cells: pd.Series[Any], numbers: pd.Series[Any]) -> float:
    """The mean, unless numbers are so large that there is none."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(numbers.astype(float).mean())
    if not math.isfinite(mean):
        raise _problem(cells, f"expected numbers of which there is a mean, found {mean} as theirs")
    return round(mean, 6)


def params_for(metric: Metric, column: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that follow from the classes: the one to look for, and the order they are in."""
    classes = list(column.get("values", ()))
    if metric.kind != "label":
        return {}
    if "positive" in metric.params and 1 not in classes and len(classes) == 2:
        return {"positive": classes[-1]}
    if metric.name not in WEIGHTED or not all(isinstance(value, str) for value in classes):
        return {}
    if all(map(NUMERAL.fullmatch, classes)):
        return {"labels": sorted(classes, key=float)}
    return {"labels": classes} if len(classes) == 2 or all(map(ORDERED.match, classes)) else {}


def relabelling(targets: Sequence[pd.Series[Any]], metric: Metric) -> dict[str, int]:
    """What numbers to put in the place of words: probabilities are of 1, booleans are 0 and 1.

    Raises:
        TaskError: Probabilities of one column, but more than two classes.
    """
    if metric.kind not in ("probability", *NUMBERS):
        return {}
    cells = [cell for column in targets for cell in _complete(column, "a value")]
    if {cell.lower() for cell in cells} <= YES_OR_NO.keys():
        return {cell: YES_OR_NO[cell.lower()] for cell in sorted(set(cells))}
    if metric.kind != "probability" or all(_are_probabilities(column) for column in targets):
        return {}
    classes = sorted(set(map(_class, cells)), key=lambda value: (isinstance(value, str), value))
    if len(classes) != 2:
        found = f"one column for {len(classes)} values of {str(targets[0].name)!r}"
        raise TaskError(f"sample_submission.csv: expected a column a class, found {found}")
    return {cell: classes.index(_class(cell)) for cell in sorted(set(cells))}


def class_names(cells: pd.Series[Any], columns: Sequence[str]) -> dict[str, str]:
    """New names for classes that stand otherwise in the sample's header: 1.0 in the cells, 1 there.

    Empty if every class has a column as it is.

    Raises:
        TaskError: A class has no column either way.
    """
    named = {cell: str(_class(cell)) for cell in sorted(set(_complete(cells, "a class")))}
    there = {name.removeprefix(f"{cells.name}_") for name in columns} | set(columns)
    if named.keys() <= there:
        return {}
    if lacking := sorted(set(named.values()) - there):
        wanted = f"expected a column {lacking[0]!r} or '{cells.name}_{lacking[0]}' for that class"
        found = ", ".join(columns[:10])
        raise TaskError(f"sample_submission.csv: {wanted}, found {found}")
    return named


def _class(cell: str) -> int | str:
    return int(cell.partition(".")[0]) if WHOLE.fullmatch(cell) else cell


def _complete(cells: pd.Series[Any], wanted: str) -> list[str]:
    missing = int(cells.isna().sum())
    if missing:
        raise _problem(cells, f"expected {wanted} in every row, found {missing} rows without")
    return cells.tolist()


def _are_probabilities(cells: pd.Series[Any]) -> bool:
    numbers = meaning(cells)
    return kind(numbers) in ("integer", "number") and bool(numbers.between(0, 1).all())


def _problem(cells: pd.Series[Any], text: str) -> TaskError:
    return TaskError(f"train.csv: {cells.name}: {text}")

"""Values of any Gymnasium space as JSON, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

__all__ = ["from_json", "to_json"]

_DEEPEST: Final = 100
_LONGEST_INT: Final = 10_000  # bits; Python refuses to write or read 4,300 decimal digits


def to_json(value: Any, *, depth: int = 0) -> Any:
    """Turn a value of any Gymnasium space into JSON's types so that :func:`from_json` restores it.

    Numpy scalars and 0-d arrays become numbers, other arrays ``{"$array": …, "dtype": …}``, NaN and
    the infinities ``{"$float": …}``, tuples lists; what has no JSON form, or is nested more than
    100 deep, becomes ``{"$repr": …}`` and stays that.
    """
    if isinstance(value, np.ndarray | np.generic):
        if value.ndim and value.dtype != object:
            return {"$array": to_json(value.tolist()), "dtype": value.dtype.str}
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if isinstance(value, int) and value.bit_length() > _LONGEST_INT:
        return {"$int": hex(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if depth > _DEEPEST or not isinstance(value, list | tuple | Mapping):
        return {"$repr": object.__repr__(value) if depth > _DEEPEST else repr(value)}
    if isinstance(value, list | tuple):
        return [to_json(item, depth=depth + 1) for item in value]
    if any(not isinstance(key, str) or key.startswith("$") for key in value):
        items = [[key, item] for key, item in value.items()]
        return {"$dict": to_json(items, depth=depth + 1)}
    return {key: to_json(item, depth=depth + 1) for key, item in value.items()}


def from_json(value: Any) -> Any:
    """Undo :func:`to_json`."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return np.asarray(from_json(value["$array"]), dtype=value["dtype"])
    if "$float" in value:
        return float(value["$float"])
    if "$int" in value:
        return int(value["$int"], 16)
    if "$dict" in value:
        return {from_json(key): from_json(item) for key, item in value["$dict"]}
    return {key: from_json(item) for key, item in value.items()}

"""Converts values of any Gymnasium space to JSON and back."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

__all__ = ["Decoder", "as_read", "from_json", "to_json"]

_DEEPEST: Final = 100
_LONGEST_INT: Final = 10_000
"""Bits of an integer that is written in decimal. Python refuses more than 4,300 digits."""
_DEEPEST_JSON: Final = 3 * _DEEPEST
_DICT_BYTES: Final = 200
_LIST_BYTES: Final = 70
_VALUE_BYTES: Final = 32
"""Approximate memory for a dict, a list, and any other value, each with its place in its parent."""
_KEY_BYTES: Final = 100
_STRING_BYTES: Final = 60
"""Approximate memory for another key in a dict, and for a string without its characters."""
_DTYPE: Final = re.compile("[|<>](b1|[iu][1248]|f[248]|f16|U[0-9]{1,6})")
"""The types whose items have a JSON form."""
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NOT_FINITE: Final = {repr(value): value for value in (math.nan, math.inf, -math.inf)}


def to_json(value: Any, *, depth: int = 0) -> Any:
    """Turn a value of any Gymnasium space into JSON's types so that :func:`from_json` restores it.

    Numpy scalars and 0-d arrays become numbers, other arrays ``{"$array": …, "dtype": …}``, NaN and
    the infinities ``{"$float": …}``, and tuples lists. A value that has no JSON form, or is nested
    more than 100 deep, becomes ``{"$repr": …}`` for good.
    """
    if isinstance(value, np.ndarray | np.generic):
        if value.ndim and value.dtype != object:
            if not _DTYPE.fullmatch(value.dtype.str):  # dates, records, bytes
                return {"$repr": repr(value)}
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


class Decoder:
    """Undoes :func:`to_json` for files that anybody may have written.

    Args:
        most_bytes: About how much memory the values of all calls together may use. More is refused
            before it is allocated.
    """

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes

    def loads(self, text: bytes) -> tuple[Any, Any]:
        """The JSON in a text, and the value that it stands for.

        Raises:
            ValueError: The text is not what :func:`to_json` makes, or requires too much memory.
            TypeError: The text is not what :func:`to_json` makes.
            KeyError: The text is not what :func:`to_json` makes.
            RecursionError: The text is nested too deeply.
        """
        parsed = self.parse(text)
        return parsed, self.decode(parsed)

    def parse(self, text: bytes) -> Any:
        """The JSON in a text, within the bound on memory, which it doesn't use up.

        Raises:
            ValueError: It is not JSON (nor is NaN), has a key twice, or requires too much memory.
            RecursionError: It is nested too deeply.
        """
        # A rough bound first, which is quick. Signs inside strings count in it, so that only a text
        # above the bound is searched for strings, whose signs are then subtracted.
        excess = _json_bytes(text) - self._left
        for string in _STRING.finditer(text) if excess > 0 else ():
            excess -= _json_bytes(string[0][1:-1])
        if excess > 0:
            raise _too_much()
        return json.loads(text.decode(), object_pairs_hook=_object, parse_constant=_constant)

    def decode(self, value: Any, *, depth: int = 0) -> Any:
        """The value that :func:`to_json` turned into this JSON; raises as :meth:`loads`."""
        if depth > _DEEPEST_JSON:
            raise ValueError(f"nested more than {_DEEPEST_JSON} deep")
        if isinstance(value, list):
            self._spend(_LIST_BYTES)
            return [self.decode(item, depth=depth + 1) for item in value]
        if not isinstance(value, dict):
            self._spend(_VALUE_BYTES + (len(value) if isinstance(value, str) else 0))
            return value
        self._spend(_DICT_BYTES)
        if "$array" in value:
            return self._array(value["$array"], value["dtype"], depth + 1)
        if "$float" in value:
            return _NOT_FINITE[value["$float"]]
        if "$int" in value:
            return int(value["$int"], 16)
        if "$dict" in value:
            items = ((self.decode(k), self.decode(v, depth=depth + 2)) for k, v in value["$dict"])
            return dict(items)
        return {key: self.decode(item, depth=depth + 1) for key, item in value.items()}

    def _array(self, items: Any, name: Any, depth: int) -> np.ndarray[Any, Any]:
        """An array with one of the types that spaces' arrays have."""
        if not isinstance(name, str) or not _DTYPE.fullmatch(name):
            raise ValueError(f"dtype: expected a type of numbers or text, found {name!r:.60}")
        dtype, before = np.dtype(name), self._left
        values = self.decode(items, depth=depth)
        count = (before - self._left) // _VALUE_BYTES  # an upper bound of the number of items
        self._left = before  # the lists are freed as soon as the array is made
        self._spend(count * dtype.itemsize)
        return np.asarray(values, dtype=dtype)

    def _spend(self, number: int) -> None:
        self._left -= number
        if self._left < 0:
            raise _too_much()


def from_json(value: Any) -> Any:
    """Undo :func:`to_json` for a trusted value of any size; see :class:`Decoder` for others."""
    return Decoder(sys.maxsize).decode(value)


def as_read(value: Any) -> Any:
    """A value as a reader of its JSON gets it, so that it is the same in memory and in a file."""
    return from_json(to_json(value))


def _json_bytes(text: bytes) -> int:
    """About how much memory a text requires when parsed, from the signs that separate values."""
    dicts, lists, values, keys, quotes = (text.count(sign) for sign in b'{[,:"')
    strings = quotes * _STRING_BYTES // 2
    return (
        dicts * _DICT_BYTES
        + lists * _LIST_BYTES
        + values * _VALUE_BYTES
        + keys * _KEY_BYTES
        + strings
    )


def _too_much() -> ValueError:
    return ValueError("more values than a file may hold")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. One with a key twice would mean different things to different readers.

    Raises:
        ValueError: A key occurs twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")

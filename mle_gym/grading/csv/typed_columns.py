"""From a column of text to checked values: what each declared column type accepts.

``int``
    Whole numbers within 64 bits. ``1.0`` and ``1e3`` are whole numbers too, since pandas writes
    them so; ``3.7``, ``True`` and ``False`` are not. What is written decides, not what a float
    makes of it: ``0.99999999999999999`` is not 1.
``float``
    Decimal numbers that a 64-bit float can hold, rounded to the nearest. Values outside the
    declared bounds by a rounding error of 32-bit floats are clipped.
``probability``
    Likewise, with the bounds 0 and 1.
``str``
    Any text, the empty one included. ``NA``, ``null`` and ``nan`` are words, leading zeros and
    spaces stay.

No value has more than 100,000 characters. Numbers are plain ASCII decimals, with spaces around
them or without: no ``1_000``, no ``0x10``, no ``1,5``. The common case needs a few vectorised
passes; the search for the rows to name in an error message starts only when one of them fails.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mle_gym.errors import SubmissionError
from mle_gym.text import listing, show

if TYPE_CHECKING:
    from mle_gym.tasks.spec import Column

__all__ = ["FLOAT32_SLACK", "LONGEST_VALUE", "Values", "check_values", "convert", "violation"]

Values = npt.NDArray[Any]
"""int64, float64, or objects that are all str."""
Where = Callable[[int], str]
"""Names a row by its position in the file, for messages."""

LONGEST_VALUE = 100_000
"""Characters of one value, text or not."""
FLOAT32_SLACK = 1e-6
"""How far outside its bounds a float may be, as a share of the bound, or of 1 if that is more.

Models compute in 32-bit floats, whose steps are 1.2e-7 near 1: a softmax ends a few of them above
1, as 1.0000001. Such values are clipped, so nothing is gained by them."""
SHOWN = 3
"""Examples in a message."""

# Possessive quantifiers: otherwise a long value that is nearly a number is tried at every length.
NUMERAL = re.compile(r" *+[+-]?(\d++(\.\d*+)?|\.\d++)([eE][+-]?\d++)? *+", re.ASCII)
ZERO = re.compile(r"[^1-9]*+([eE]|\Z)")
NUMERAL_BYTES = b"0123456789+-.eE, "
MISSING = {"nan", "na", "n/a", "#n/a", "null", "none", "nil", "nat", "<na>", "?"}


def convert(name: str, column: Column, cells: Sequence[str], where: Where) -> Values:
    """The values of a column of text.

    Raises:
        SubmissionError: ``missing_value``, ``infinite_value``, ``wrong_type``, ``out_of_range``
            (beyond 64 bits) or ``value_too_long``.
    """
    if max(map(len, cells)) > LONGEST_VALUE:
        rows = [row for row, cell in enumerate(cells) if len(cell) > LONGEST_VALUE]
        wanted = f"at most {LONGEST_VALUE:,} characters"
        raise violation("value_too_long", name, cells, rows, where, wanted)
    if column.type == "str":
        values = np.empty(len(cells), dtype=object)
        values[:] = cells
        return values
    numbers = _numbers(cells, whole=column.type == "int")
    if numbers is None:
        _explain(name, column, cells, where)
        numbers = np.array([_whole(cell) for cell in cells], dtype=np.int64)
    return numbers


def check_values(name: str, column: Column, values: Values, where: Where) -> Values:
    """The values, floats clipped to their bounds, if the column's declaration allows them.

    Raises:
        SubmissionError: ``value_not_allowed`` or ``out_of_range``.
    """
    if column.values is not None:
        wrong = _not_among(column.values, values)
        if len(wrong):
            raise violation("value_not_allowed", name, values, wrong, where, expected(column))
    if column.type == "str":
        return values
    low, high = _bounds(column)
    outside = np.zeros(len(values), dtype=bool)
    if low is not None:
        outside |= values < low - _slack(column, low)
    if high is not None:
        outside |= values > high + _slack(column, high)
    if outside.any():
        wrong = np.flatnonzero(outside)
        raise violation("out_of_range", name, values, wrong, where, expected(column))
    if column.type == "int" or (low is None and high is None):
        return values
    return np.clip(values, low, high)


def _bounds(column: Column) -> tuple[float | None, float | None]:
    """The least and the greatest value allowed, whole for integers: floats round beyond 2**53."""
    low, high = column.min, column.max
    if column.type == "probability":
        return 0.0, 1.0
    if column.type == "int":
        low = None if low is None else math.ceil(low)
        high = None if high is None else math.floor(high)
    return low, high


def _slack(column: Column, bound: float) -> float:
    return 0 if column.type == "int" else FLOAT32_SLACK * max(1.0, abs(bound))


def expected(column: Column) -> str:
    """What a column's cells should be, in words."""
    if column.values is not None:
        return f"one of {listing(column.values)}"
    if column.type == "probability":
        return "a probability from 0 to 1"
    kind = {"int": "a whole number", "float": "a number", "str": "text"}[column.type]
    low, high = (None if end is None else _plain(end) for end in (column.min, column.max))
    if low is not None and high is not None:
        return f"{kind} from {low} to {high}"
    if low is not None:
        return f"{kind} of at least {low}"
    return f"{kind} of at most {high}" if high is not None else kind


def _plain(number: float) -> str:
    """All digits of a number, and no point where it is whole."""
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e16 else repr(number)


def violation(
    code: str,
    name: str,
    found: Sequence[object] | Values,
    rows: Sequence[int] | npt.NDArray[np.int64],
    where: Where,
    wanted: str,
) -> SubmissionError:
    """The error for wrong values of one column, with at most three examples."""
    examples = ", ".join(f"{show(found[row])} in {where(int(row))}" for row in rows[:SHOWN])
    more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    return SubmissionError(code, f"column {name!r}: found {examples}{more}; expected {wanted}")


def _not_among(allowed: Sequence[object], values: Values) -> npt.NDArray[np.int64]:
    if values.dtype != object:
        return np.flatnonzero(~np.isin(values, np.array(allowed, dtype=values.dtype)))
    unknown = set(values.tolist()).difference(allowed)
    if not unknown:
        return np.empty(0, dtype=np.int64)
    return np.array([row for row, value in enumerate(values) if value in unknown], dtype=np.int64)


def _numbers(cells: Sequence[str], *, whole: bool) -> Values | None:
    """The column as numbers, or None if some cell needs a closer look."""
    if ",".join(cells).encode().translate(None, NUMERAL_BYTES):
        return None
    try:
        if whole:
            return np.fromiter(map(int, cells), np.int64, len(cells))
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except (ValueError, OverflowError):
        return None
    return values if np.isfinite(values).all() else None


def _explain(name: str, column: Column, cells: Sequence[str], where: Where) -> None:
    """Raise an error for the first kind of defect; return if there is none."""
    defects = [(row, code) for row, cell in enumerate(cells) if (code := _defect(cell, column))]
    if not defects:
        return
    code = defects[0][1]
    rows = [row for row, other in defects if other == code]
    wanted = expected(column)
    if code == "out_of_range":
        wanted = "a whole number within 64 bits"
    if code == "wrong_type" and cells[rows[0]].strip(" ").lower() in ("true", "false"):
        wanted += " (write booleans as 1 and 0)"
    raise violation(code, name, cells, rows, where, wanted)


def _defect(cell: str, column: Column) -> str | None:
    word = cell.strip().lower()
    if word.lstrip("+-") in MISSING or not word.strip("+-"):
        return "missing_value"
    if word.lstrip("+-") in ("inf", "infinity"):
        return "infinite_value"
    if not NUMERAL.fullmatch(cell):
        return "wrong_type"
    number = float(cell)
    if math.isinf(number):
        return "infinite_value"
    if column.type != "int" or _whole(cell) is not None:
        return None
    return "out_of_range" if abs(number) >= 2**63 else "wrong_type"


def _whole(cell: str) -> int | None:
    """The 64-bit integer that a numeral stands for; None if it isn't one.

    The float only bounds the size, so that the exact value is cheap: 9007199254740993.0 is not
    the 9007199254740992 that a float makes of it, nor is 1e-400 a zero.
    """
    number = float(cell)
    if abs(number) > 2**63:
        return None
    if number == 0:
        return 0 if ZERO.match(cell) else None
    exact = Decimal(cell.strip(" "))
    whole = int(exact)
    return whole if whole == exact and -(2**63) <= whole < 2**63 else None

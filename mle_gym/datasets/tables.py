"""Tables: one canonical form, its digest, and CSV files whose bytes depend on nothing else."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pandas.api import types

from mle_gym.errors import DatasetError

__all__ = [
    "NUMERAL",
    "canonical",
    "codes",
    "count_rows",
    "digest",
    "exact_floats",
    "is_integer",
    "kind",
    "meaning",
    "read_cells",
    "read_csv",
    "write_csv",
]

EXACT_INTEGERS = 2**53
"""Floats below this hold integers exactly."""
CODE = re.compile(r"[+-]?0\d+$", re.ASCII)
NUMERAL = re.compile(r" *[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)? *", re.ASCII)


def canonical(frame: pd.DataFrame) -> pd.DataFrame:
    """The same table whatever loaded it.

    Columns become ``int64`` (whole numbers, none missing), ``float64`` (NaN for missing), ``bool``
    or text as Python strings (None for missing). Categories that are all whole numbers are
    integers; text that looks like numbers stays text.

    Raises:
        DatasetError: Two columns have the same name.
    """
    names = [str(name) for name in frame.columns]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DatasetError(f"columns: expected different names, found twice: {', '.join(twice)}")
    columns = {name: _column(frame.iloc[:, at]) for at, name in enumerate(names)}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame)))


def _column(column: pd.Series[Any]) -> pd.Series[Any]:
    values = column.reset_index(drop=True)
    if types.is_bool_dtype(values.dtype) and not values.isna().any():
        return values.astype(bool)
    if types.is_numeric_dtype(values.dtype) and not types.is_bool_dtype(values.dtype):
        return _numbers(values.astype("float64"), values)
    if isinstance(values.dtype, pd.StringDtype):
        strings = values.astype(object)
        return strings.where(strings.notna(), None)
    # Lists: to go through a column of pandas itself takes five times as long.
    cells = zip(values.tolist(), values.isna().tolist(), strict=True)
    texts = [None if missing else str(value) for value, missing in cells]
    if isinstance(values.dtype, pd.CategoricalDtype) and all(map(is_integer, texts)):
        return pd.Series([int(text) for text in texts if text is not None], dtype="int64")
    return pd.Series(texts, dtype=object)


def _numbers(floats: pd.Series[Any], original: pd.Series[Any]) -> pd.Series[Any]:
    if types.is_signed_integer_dtype(original.dtype) and not original.isna().any():
        return original.astype("int64")
    whole = floats.notna() & (floats % 1 == 0) & (floats.abs() < EXACT_INTEGERS)
    return floats.astype("int64") if bool(whole.all()) and len(floats) else floats


def is_integer(text: str | None) -> bool:
    """Whether an integer of 64 bits is written so; ``007``, ``+7``, ``-0`` and ``7.0`` are not."""
    if not text or len(text) > 19:
        return False
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and str(int(text)) == text and len(digits) < 19


def meaning(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers or booleans if every cell of a column of text is one, else the column as it is.

    For order and arithmetic. What is written to a file is the text: ``007`` and ``7.50`` mean
    numbers, but would come out as others.
    """
    if kind(column) != "text":
        return column
    cells = [None if cell is None or cell != cell else str(cell) for cell in column]
    given = [cell for cell in cells if cell is not None]
    if len(given) == len(cells) and all(map(is_integer, cells)):
        return pd.Series(list(map(int, given)), dtype="int64", index=column.index)
    if given and all(map(NUMERAL.fullmatch, given)):
        floats = [math.nan if cell is None else float(cell) for cell in cells]
        return _numbers(*[pd.Series(floats, dtype="float64", index=column.index)] * 2)
    if len(given) == len(cells) and given and set(given) <= {"True", "False"}:
        return column == "True"
    return column


def kind(column: pd.Series[Any]) -> str:
    """What a canonical column holds: ``integer``, ``number``, ``boolean`` or ``text``."""
    names = {"i": "integer", "u": "integer", "f": "number", "b": "boolean"}
    return names.get(column.dtype.kind, "text")


def digest(frame: pd.DataFrame) -> str:
    """SHA-256 of a canonical table: names, kinds and values, in order."""
    result = hashlib.sha256(b"mle-gym table 1\n")
    for name in frame.columns:
        column = frame[name]
        values = [None if value != value else value for value in column.tolist()]
        result.update(json.dumps([name, kind(column), values]).encode() + b"\n")
    return result.hexdigest()


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table; the bytes depend on its values alone.

    A new file takes the old one's place: that may be a hard link to data of the user.
    """
    path.unlink(missing_ok=True)
    texts = frame.select_dtypes(exclude=["number", "bool"])
    cells = (cell for name in texts for cell in texts[name].unique())
    returns = any(isinstance(cell, str) and "\r" in cell for cell in cells)
    # Before Python 3.13 the csv module leaves a lone carriage return without quotes.
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
    frame.to_csv(path, index=False, lineterminator="\n", encoding="utf-8", quoting=quoting)


def exact_floats() -> dict[str, Any]:
    """The arguments with which ``pandas.read_csv`` rounds a decimal to the nearest float.

    As ``float`` does. Every call that reads scores, answers or submissions must use them. Up to
    pandas 3.0 the default parser is off by one in the last place for every third number of 17
    digits; from 3.1 on the default is exact and asking for it is deprecated.
    """
    major, minor = map(int, pd.__version__.split(".")[:2])
    return {} if (major, minor) >= (3, 1) else {"float_precision": "round_trip"}


def count_rows(path: Path) -> int:
    """Rows of a CSV file below the header, in one quick pass; quoted line ends are understood."""
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            if b'"' in block:
                return _count_quoted(path)
            lines, last = lines + block.count(b"\n"), block[-1:]
    return lines + (last != b"\n") - 1


def _count_quoted(path: Path) -> int:
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def codes(cells: pd.DataFrame) -> list[str]:
    """The columns whose digits are names, of a table of text: ``00034`` is no quantity."""
    return [
        str(name)
        for name in cells.columns
        if any(cell is not None and CODE.match(str(cell)) for cell in cells[name].unique())
    ]


def read_cells(path: Path, rows: int | None = None) -> pd.DataFrame:
    """Read a table in which every cell is the text that stands in the file; "" is missing.

    Args:
        path: The file.
        rows: Read only so many.

    Raises:
        DatasetError: Not a CSV file in UTF-8, or two columns have the same name.
    """
    try:
        content = path.read_bytes()
        if b"\0" in content:
            raise ValueError("a NUL byte")
        # With the header as a row, pandas neither renames columns nor takes one for an index.
        table = pd.read_csv(
            io.BytesIO(content),
            header=None,
            dtype=str,
            keep_default_na=False,
            low_memory=False,
            nrows=None if rows is None else rows + 1,
        )
        return canonical(table[1:].mask(table[1:] == "").set_axis(table.iloc[0].tolist(), axis=1))
    except OSError as error:
        raise DatasetError(f"{path}: expected a readable file, found: {error.strerror}") from None
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from None
    except ValueError as error:
        raise _no_csv(path, error) from None


def _no_csv(path: Path, error: ValueError) -> DatasetError:
    """In one line: pandas ends some of its messages with an empty one."""
    found = " ".join(str(error).split())
    return DatasetError(f"{path}: expected a CSV file in UTF-8, found: {found}")


def read_csv(
    path: Path, text: Collection[str] = (), rows: int | None = None
) -> pd.DataFrame:  # fmt: skip
    """Read a table in canonical form; only "" is missing, and columns in ``text`` stay text.

    Args:
        path: The file.
        text: Columns of text, whatever they look like.
        rows: Read only so many.

    Raises:
        DatasetError: Not a CSV file in UTF-8.
    """
    try:
        frame = pd.read_csv(
            path,
            dtype=dict.fromkeys(text, str),
            keep_default_na=False,
            na_values=[""],
            **exact_floats(),
            low_memory=False,
            nrows=rows,
        )
    except ValueError as error:
        raise _no_csv(path, error) from None
    return canonical(frame)

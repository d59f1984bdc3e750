"""A fast reader for large CSV files that hold nothing but plain numbers.

It returns exactly what the careful reader returns, or None for anything unusual: the careful reader
then decides, and words the error.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mle_gym.datasets.tables import exact_floats
from mle_gym.grading.csv.read_text_columns import read_header
from mle_gym.grading.csv.typed_columns import LONGEST_VALUE, Values

if TYPE_CHECKING:
    from mle_gym.tasks.spec import Column

__all__ = ["read_numbers"]

WORTHWHILE = 64 * 1024
"""Bytes from which on this is faster than the careful reader."""
COMMA, NEWLINE = ord(","), ord("\n")


def read_numbers(
    content: bytes,
    check_header: Callable[[list[str]], None],
    columns: Mapping[str, Column],
    rows: int | None,
) -> dict[str, Values] | None:
    """The columns by name as float64, ids and whole numbers as int64, or None.

    Arguments and errors are those of :func:`mle_gym.grading.csv.read_text_columns.read_table`.
    """
    if len(content) < WORTHWHILE or any(column.type == "str" for column in columns.values()):
        return None
    if b'"' in content or b"\r" in content or content.startswith(b"\n"):
        return None
    header = read_header(content)
    check_header(header)
    start = content.find(b"\n") + 1
    if not start or content[start:].translate(None, b"0123456789+-.eE,\n"):
        return None
    if not _rectangular(content, start, len(header), rows):
        return None
    return _parse(content[start:], header, columns)


def _rectangular(content: bytes, start: int, width: int, rows: int | None) -> bool:
    """Whether each line below the header has ``width`` values of legal length, none too many."""
    lines = content.count(b"\n", start) + (not content.endswith(b"\n"))
    if lines == 0 or (rows is not None and lines > rows):
        return False
    if content.count(b",", start) != lines * (width - 1):
        return False
    body = np.frombuffer(content, dtype=np.uint8, offset=start)
    places = np.flatnonzero((body == COMMA) | (body == NEWLINE))
    separators = body[places]
    if not content.endswith(b"\n"):
        separators = np.append(separators, np.uint8(NEWLINE))
        places = np.append(places, len(body))
    if np.diff(places, prepend=-1).max() > LONGEST_VALUE + 1:
        return False
    table = separators.reshape(lines, width)
    return bool((table[:, :-1] == COMMA).all() and (table[:, -1] == NEWLINE).all())


def _parse(
    body: bytes, header: list[str], columns: Mapping[str, Column]
) -> dict[str, Values] | None:
    whole = {name: columns[name].type == "int" for name in header}
    try:
        table = pd.read_csv(
            io.BytesIO(body),
            header=None,
            names=list(range(len(header))),
            index_col=False,
            # Inferred, integers are exact; given the type, pandas would round 0.9999… to one.
            dtype={at: np.float64 for at, name in enumerate(header) if not whole[name]},
            low_memory=False,
            na_filter=False,
            skip_blank_lines=False,
            **exact_floats(),
        )
    except (ValueError, OverflowError):
        return None
    values = {name: table[at].to_numpy() for at, name in enumerate(header)}
    for name, column in values.items():
        if column.dtype != (np.int64 if whole[name] else np.float64):
            return None
        if not whole[name] and not np.isfinite(column).all():
            return None
    return values

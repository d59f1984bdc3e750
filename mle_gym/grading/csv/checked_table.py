"""From the bytes of an untrusted submission to a checked table in the order of the answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mle_gym.errors import SubmissionError
from mle_gym.grading.csv.read_plain_numbers import read_numbers
from mle_gym.grading.csv.read_text_columns import check_bytes, read_table
from mle_gym.grading.csv.typed_columns import Values, check_values, convert, violation
from mle_gym.text import IN_BRACKETS, did_you_mean, listing, show

if TYPE_CHECKING:
    from mle_gym.tasks.spec import Column, SubmissionSpec

__all__ = [
    "SUM_TOLERANCE",
    "build_table",
    "id_index",
    "parse_submission",
    "parse_values",
    "read_values",
]

SUM_TOLERANCE = 1e-3
"""How far from one the probabilities of a row may sum: enough for values rounded to four decimals.
Metrics divide by the sum, so using it gains nothing."""
SPARE_COLUMNS = 100
"""How many columns more than expected are still checked by name."""
SHOWN_IDS = 1000
"""How many ids are examined for lost zeros."""
UNNAMED = re.compile(r"|Unnamed: \d+|index")


def parse_submission(
    content: bytes, spec: SubmissionSpec, expected_ids: pd.Index | Sequence[int | str]
) -> pd.DataFrame:
    """Read a submission strictly.

    Args:
        content: Any bytes.
        spec: The columns it must have.
        expected_ids: The ids it must have, each once, in the order that the result should have.

    Returns:
        The columns of ``spec`` in its order, id included, int64, float64 or object (str), one row
        for each of ``expected_ids`` in that order.

    Raises:
        SubmissionError: The first defect found, with what was expected and where it is.
    """
    return build_table(parse_values(content, spec, id_index(expected_ids)))


def parse_values(content: bytes, spec: SubmissionSpec, ids: pd.Index) -> dict[str, Values]:
    """As :func:`parse_submission`, as arrays by column name."""
    check_bytes(content, spec.max_bytes)
    values = read_values(content, spec, dict(spec.columns), len(ids))
    order = _order(spec.id, values[spec.id], ids)
    return values if order is None else {name: column[order] for name, column in values.items()}


def id_index(ids: pd.Index | Sequence[int | str] | Values) -> pd.Index:
    """The ids as an index: int64, or objects that are str."""
    whole = np.asarray(ids).dtype.kind in "iu"
    return pd.Index(ids, dtype=np.int64 if whole else object)


def build_table(values: Mapping[str, Values]) -> pd.DataFrame:
    """A table of such columns; text stays object in every version of pandas."""
    return pd.DataFrame(
        {name: pd.Series(column, dtype=column.dtype) for name, column in values.items()}
    )


def read_values(
    content: bytes, spec: SubmissionSpec, columns: Mapping[str, Column], rows: int | None
) -> dict[str, Values]:
    """Read and check the columns of a CSV file, in the order of ``columns``.

    Args:
        content: Bytes that passed :func:`~mle_gym.grading.csv.read_text_columns.check_bytes`.
        spec: Says which column is the id and which sum to one.
        columns: What the file must hold: the columns of ``spec``, and perhaps more.
        rows: The most rows there may be; None for any number.
    """
    check = partial(_check_header, columns=columns)
    values: Mapping[str, Values] | None = read_numbers(content, check, columns, rows)
    if values is None:
        cells = read_table(content, check, rows)
        values = _convert(cells, spec.id, columns)
    where = _where(spec.id, values[spec.id])
    checked = {name: check_values(name, columns[name], values[name], where) for name in columns}
    _check_sums(spec.sum_to_one, checked, where)
    return checked


def _check_header(header: Sequence[str], columns: Mapping[str, Column]) -> None:
    """Columns may come in any order, but each once and no others."""
    if len(header) > len(columns) + SPARE_COLUMNS:
        raise SubmissionError(
            "too_many_columns",
            f"the header has {len(header):,} columns, expected {len(columns)}",
        )
    if len(header) == 1 and (found := re.search(r"[;\t|]", header[0])):
        raise SubmissionError(
            "wrong_delimiter",
            f"the columns seem to be separated by {found[0]!r}, expected commas: {show(header[0])}",
        )
    for name, count in Counter(header).items():
        if UNNAMED.fullmatch(name) and name not in columns:
            raise SubmissionError(
                "index_column",
                f"found a column named {name!r}, expected only {listing(list(columns))}; "
                "write the file with to_csv(..., index=False)",
            )
        if count > 1:
            raise SubmissionError(
                "duplicate_column", f"found the column {show(name)} {count} times, expected it once"
            )
    _check_names(header, columns)


def _check_names(header: Sequence[str], columns: Mapping[str, Column]) -> None:
    for name in columns:
        if name not in header:
            near = did_you_mean(name, set(header) - set(columns), IN_BRACKETS)
            raise SubmissionError(
                "missing_column",
                f"the column {name!r} is missing{near}; found {listing(header)}",
            )
    for name in header:
        if name not in columns:
            near = did_you_mean(name, columns, IN_BRACKETS)
            raise SubmissionError(
                "unknown_column",
                f"found the unknown column {show(name)}{near}; expected only "
                f"{listing(list(columns))}",
            )


def _convert(
    cells: Mapping[str, Sequence[str]], id_name: str, columns: Mapping[str, Column]
) -> dict[str, Values]:
    ids = convert(id_name, columns[id_name], cells[id_name], lambda row: f"row {row + 1:,}")
    where = _where(id_name, ids)
    return {
        name: ids if name == id_name else convert(name, column, cells[name], where)
        for name, column in columns.items()
    }


def _where(id_name: str, ids: Values) -> Callable[[int], str]:
    """Rows are counted from 1, below the header."""
    return lambda row: f"row {row + 1:,} ({id_name} {show(ids[row])})"


def _check_sums(
    names: Sequence[str], values: Mapping[str, Values], where: Callable[[int], str]
) -> None:
    if not names:
        return
    sums = np.sum([values[name] for name in names], axis=0)
    wrong = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if len(wrong):
        listed = " + ".join(names) if len(names) <= 5 else f"{names[0]} + … + {names[-1]}"
        wanted = f"1 in every row, within {SUM_TOLERANCE:g}"
        raise violation("sum_not_one", listed, sums, wrong, where, wanted)


def _order(id_name: str, found: Values, expected: pd.Index) -> Values | None:
    """The row of each expected id in the file; None if the order is the expected one.

    Raises:
        SubmissionError: ``duplicate_ids``, ``unknown_ids`` or ``missing_ids``.
    """
    if np.array_equal(found, expected.to_numpy()):
        return None
    places = expected.get_indexer(pd.Index(found, dtype=found.dtype))
    rows = np.bincount(places[places >= 0], minlength=len(expected))
    ids = expected.to_numpy()
    if (rows > 1).any():
        twice = f"found {listing(ids[rows > 1], 3)} in more than one row, expected each id once"
        raise SubmissionError("duplicate_ids", f"column {id_name!r}: {twice}")
    if (places < 0).any():
        unknown = f"found {listing(found[places < 0], 3)}, expected only the ids of the test set"
        raise SubmissionError("unknown_ids", f"column {id_name!r}: {unknown}{_lost(found, ids)}")
    if (rows == 0).any():
        raise SubmissionError(
            "missing_ids",
            f"column {id_name!r}: found no row for {listing(ids[rows == 0], 3)}; found "
            f"{len(found):,} rows, expected {len(ids):,}, one for each id",
        )
    order = np.empty(len(found), dtype=np.int64)
    order[places] = np.arange(len(found))
    return order


def _lost(found: Values, expected: Values) -> str:
    """A hint if ids seem to have lost their leading zeros, which is the usual cause."""
    if expected.dtype != object or not any(map(_is_padded, expected[:SHOWN_IDS].tolist())):
        return ""
    if any(map(_is_padded, found[:SHOWN_IDS].tolist())):
        return ""
    return "; they are text that begins with zeros, so read them with dtype=str"


def _is_padded(text: str) -> bool:
    return text[:1] == "0" and text.isdigit() and len(text) > 1

"""Checks a file that only a ``grade.py`` can read, without grading it.

The file is compared with the sample submission: the same columns, the same ids. The answers are not
read, so neither an error's text nor the time of a check depends on them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mle_gym.errors import SubmissionError
from mle_gym.grading.csv.checked_table import SPARE_COLUMNS
from mle_gym.grading.csv.read_text_columns import (
    check_bytes,
    read_header,
    read_rows,
    read_table,
    too_large,
)
from mle_gym.regular_files import read_regular
from mle_gym.text import listing

__all__ = ["FileShape", "load_shape"]

LONGEST_START = 1 << 24
"""Bytes within which the header and the first row must end; a million columns fit."""


@dataclass(frozen=True)
class FileShape:
    """The sample submission's columns and ids; empty if it is not a table."""

    columns: tuple[str, ...] = ()
    ids: frozenset[str] = frozenset()
    """The values of the first column, if each occurs once."""

    def check(self, content: bytes, max_bytes: int) -> None:
        """Check everything that an agent may know before the end.

        Raises:
            SubmissionError: It is larger than allowed, not a table like the sample, or of other
                rows.
        """
        if not self.columns:
            check_size(content, max_bytes)
            return
        check_bytes(content, max_bytes)
        rows = len(self.ids) if self.ids else None
        try:
            table = read_table(content, self._check_header, rows)
        except SubmissionError as error:
            if error.code != "value_too_long":
                raise
            return  # perhaps a mask of a large image: only a grader knows
        if self.ids:
            self._check_ids(table[self.columns[0]])

    def check_cost(self, content: bytes, max_bytes: int) -> None:
        """Check that a grader can read it in time: a million columns would keep one busy for hours.

        The first row counts too: if it has more values than the header, pandas makes the first ones
        an index of that many levels.

        Raises:
            SubmissionError: The file is too large or too wide, or has a header that can't be read.
        """
        check_size(content, max_bytes)
        if not self.columns:
            return
        text = content[:LONGEST_START].decode(
            errors="replace"
        )  # it need not be UTF-8 for the grader
        rows = read_rows(text.encode())
        self._check_width("the header", next(rows, []))
        try:
            self._check_width("the first row", next(rows, []))
        except SubmissionError as error:
            if error.code == "too_many_columns":
                raise

    def _check_width(self, what: str, row: Sequence[str]) -> None:
        if len(row) > len(self.columns) + SPARE_COLUMNS:
            raise SubmissionError(
                "too_many_columns", f"{what} has {len(row):,} columns, expected {len(self.columns)}"
            )

    def _check_header(self, header: Sequence[str]) -> None:
        self._check_width("the header", header)
        counts = Counter(header)
        for name in self.columns:
            if counts[name] != 1:
                found = "is missing" if not counts[name] else f"occurs {counts[name]} times"
                raise SubmissionError(
                    "missing_column" if not counts[name] else "duplicate_column",
                    f"the column {name!r} of the sample submission {found}; found "
                    f"{listing(header)}",
                )

    def _check_ids(self, found: Sequence[str]) -> None:
        name, present = self.columns[0], set(found)
        if unknown := present - self.ids:
            listed = listing(sorted(unknown), 3)
            raise SubmissionError(
                "unknown_ids",
                f"column {name!r}: found {listed}, expected only those of the sample submission",
            )
        if absent := self.ids - present:
            raise SubmissionError(
                "missing_ids",
                f"column {name!r}: found no row for {listing(sorted(absent), 3)}; found "
                f"{len(present):,} ids, expected {len(self.ids):,}",
            )


def check_size(content: bytes, max_bytes: int) -> None:
    """Refuse a file that is larger than the task allows."""
    if len(content) > max_bytes:
        raise too_large(content, f"the {max_bytes:,} bytes that are allowed")


def load_shape(sample: Path) -> FileShape:
    """The shape of a sample submission, read once."""
    try:
        status = sample.stat()
    except OSError:
        return FileShape()
    return _load(sample, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _load(sample: Path, _mtime_ns: int, size: int) -> FileShape:
    try:
        content = read_regular(sample)
        check_bytes(content, size)
        table = read_table(content, lambda header: None, None)
    except (OSError, SubmissionError):
        return FileShape()
    columns = tuple(table)
    if len(columns) != len(read_header(content)):
        return FileShape()
    ids = table[columns[0]]
    unique = frozenset(ids)
    return FileShape(columns, unique if len(unique) == len(ids) else frozenset())

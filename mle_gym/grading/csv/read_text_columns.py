"""From the bytes of an untrusted CSV file to columns of text, in bounded time and memory.

UTF-8 with or without a byte order mark, commas, double quotes, any line ends; blank lines, up to a
million, are skipped. Nothing is inferred: no compression, no types, no missing values.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from mle_gym.errors import SubmissionError
from mle_gym.text import show

__all__ = ["check_bytes", "read_header", "read_rows", "read_table", "too_large"]

MOST_COMMAS = 2_000_000
"""The most commas in a row, also inside quotes: a bound on the cost of one row."""
MOST_COUNTED = 1_000_000
"""The most surplus rows that are counted for the error message."""
MOST_BLANK = 1_000_000
"""The most blank lines, which could otherwise take longer to read than the rows."""

MAGIC = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip archive (or an Excel file)",
    b"PAR1": "Parquet",
    b"ARROW1\0": "Feather",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "HDF5",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"SQLite format 3\0": "an SQLite database",
    b"\x89PNG": "a PNG image",
    b"%PDF-": "a PDF",
    b"\x7fELF": "a program",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    **{b"BZh%d1AY&SY" % level: "bzip2" for level in range(1, 10)},
    **{bytes([0x80, protocol]): "a Python pickle" for protocol in range(2, 6)},
}
"""The first bytes of files that are often submitted by mistake."""


def check_bytes(content: bytes, max_bytes: int) -> None:
    """Refuse bytes that can't be a CSV file.

    Raises:
        SubmissionError: ``too_large``, ``empty_file``, ``not_csv``, ``nul_byte`` or ``not_utf8``.
    """
    if len(content) > max_bytes:
        raise too_large(content, f"the {max_bytes:,} bytes that are allowed")
    if not content.removeprefix(b"\xef\xbb\xbf").strip():
        raise SubmissionError("empty_file", "the file is empty, expected a header and rows")
    for magic, kind in MAGIC.items():
        if content.startswith(magic) and not (kind == "Parquet" and not content.endswith(magic)):
            raise SubmissionError("not_csv", f"the file looks like {kind}, expected plain CSV")
    if (nul := content.find(b"\0")) >= 0:
        raise SubmissionError(
            "nul_byte", f"line {_line(content, nul)}: found a NUL byte, expected UTF-8 text"
        )
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise SubmissionError(
            "not_utf8",
            f"line {_line(content, error.start)}: found the byte 0x{content[error.start]:02x}, "
            f"which is not UTF-8 here; write the file with encoding='utf-8'",
        ) from None


def too_large(content: bytes, most: str) -> SubmissionError:
    """The error for a file of too many bytes."""
    message = f"the file is too large: found {len(content):,} bytes, which is larger than {most}"
    return SubmissionError("too_large", message)


def read_header(content: bytes) -> list[str]:
    """The first row that is not blank.

    Raises:
        SubmissionError: ``empty_file``, ``too_many_columns``, ``bad_quotes``, ``value_too_long``.
    """
    for record in read_rows(content):
        return record
    raise SubmissionError("empty_file", "the file is empty, expected a header and rows")


def read_rows(content: bytes) -> Iterator[list[str]]:
    """The rows that are not blank, header included, each as it is asked for.

    Raises:
        SubmissionError: As :func:`read_header`.
    """
    return _records(content)


def read_table(
    content: bytes, check_header: Callable[[list[str]], None], rows: int | None
) -> dict[str, list[str]]:
    """The file's columns by name, as text.

    Args:
        content: Bytes that passed :func:`check_bytes`.
        check_header: Raises SubmissionError for a wrong header, before more is read.
        rows: The most rows to read; None for any number.

    Raises:
        SubmissionError: Also ``ragged_row``, ``wrong_row_count``.
    """
    records = _records(content)
    header = next(records, [])
    check_header(header)
    width, count = len(header), 0
    # One flat list: a million small ones would keep the garbage collector busy.
    cells: list[str] = []
    for count, record in enumerate(records, start=1):
        if len(record) != width:
            raise SubmissionError(
                "ragged_row",
                f"row {count:,} has {len(record):,} value{'s'[: len(record) != 1]}, expected "
                f"{width:,} as in the header; it starts with {show(record[0])}",
            )
        if rows is not None and count > rows:
            raise _too_many_rows(records, rows)
        cells += record
    if count == 0:
        raise SubmissionError("wrong_row_count", "there are no rows below the header")
    return {name: cells[at::width] for at, name in enumerate(header)}


def _too_many_rows(records: Iterator[list[str]], rows: int) -> SubmissionError:
    more = sum(1 for _ in islice(records, MOST_COUNTED)) + 1
    least = "at least " if more > MOST_COUNTED else ""
    return SubmissionError(
        "wrong_row_count",
        f"found {least}{rows + more:,} rows below the header, expected {rows:,}, one for each id",
    )


def _records(content: bytes) -> Iterator[list[str]]:
    """The rows that are not blank, header included; strict about quotes."""
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    counter = _Commas()
    suspicious = content.count(b",") > MOST_COMMAS
    reader = csv.reader(counter.lines(text) if suspicious else text, strict=True)
    blank = 0
    try:
        for record in reader:
            counter.found = 0
            if record:
                yield record
                continue
            blank += 1
            if blank > MOST_BLANK:
                raise SubmissionError(
                    "too_many_blank_lines",
                    f"line {reader.line_num:,}: found over {MOST_BLANK:,} blank lines",
                )
    except csv.Error as error:
        raise _csv_error(error, reader.line_num) from None


class _Commas:
    """Refuses a row with far too many commas before the reader splits it."""

    def __init__(self) -> None:
        self.found = 0
        """Commas since the last row ended."""

    def lines(self, text: Iterable[str]) -> Iterator[str]:
        for number, line in enumerate(text, start=1):
            self.found += line.count(",")
            if self.found > MOST_COMMAS:
                raise SubmissionError(
                    "too_many_columns",
                    f"line {number:,}: found a row of over {MOST_COMMAS:,} commas",
                )
            yield line


def _csv_error(error: csv.Error, line: int) -> SubmissionError:
    text = str(error)
    if "field limit" in text:
        return SubmissionError(
            "value_too_long",
            f"line {line:,}: found a value of over {csv.field_size_limit():,} "
            "characters (or a quote that is never closed)",
        )
    if "end of data" in text:
        return SubmissionError("bad_quotes", f"line {line:,}: a quote is opened and never closed")
    return SubmissionError("bad_quotes", f"line {line:,}: found text after a closing quote: {text}")


def _line(content: bytes, offset: int) -> str:
    """The line that a byte is on, counting all three kinds of line ends."""
    feeds, returns, pairs = (content.count(end, 0, offset) for end in (b"\n", b"\r", b"\r\n"))
    return f"{feeds + returns - pairs + 1:,}"

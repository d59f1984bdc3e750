"""Reads dense ARFF, OpenML's file format.

``scipy.io.arff`` has no string attributes, and scikit-learn's parser is private, so neither can
read Titanic. Quoting, escapes and missing values follow liac-arff, which ``fetch_openml`` uses:
an unquoted ``?`` or nothing is missing, a quoted ``"?"`` is a value. liac-arff itself, whose last
release is from 2020, would be a dependency of every install for one file format.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mle_gym.errors import DatasetError

__all__ = ["Attribute", "parse_arff"]

Cell = float | str | None

ATTRIBUTE = re.compile(
    r"""@attribute\s+("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s{]+)\s*(.+)""", re.I
)
CELL = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^,"']*)\s*(?:,|$)""")
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[0-7]{1,3}|.)")
CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(frozen=True)
class Attribute:
    """One column: its name and what its cells are."""

    name: str
    kind: Literal["numeric", "nominal", "text"]


def parse_arff(content: bytes) -> tuple[list[Attribute], list[list[Cell]]]:
    """The attributes and, for each of them, its column of cells.

    Raises:
        DatasetError: Not dense ARFF; names the line.
    """
    attributes: list[Attribute] = []
    rows: list[list[Cell]] = []
    in_data = False
    for number, line in enumerate(content.decode().split("\n"), start=1):
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        try:
            if in_data:
                rows.append(_row(text, attributes))
            elif text.lower().startswith("@attribute"):
                attributes.append(_attribute(text))
            else:
                in_data = text.lower().startswith("@data")
        except ValueError as error:
            raise DatasetError(f"ARFF line {number}: {error}, found {text[:80]!r}") from None
    return attributes, [list(column) for column in zip(*rows, strict=True)]


def _attribute(text: str) -> Attribute:
    match = ATTRIBUTE.fullmatch(text)
    if match is None:
        raise ValueError("expected '@attribute <name> <type>'")
    name, kind = _unquote(match[1]), match[2].strip().lower()
    if kind.startswith("{"):
        return Attribute(name, "nominal")
    if kind in ("numeric", "real", "integer"):
        return Attribute(name, "numeric")
    return Attribute(name, "text")


def _row(text: str, attributes: list[Attribute]) -> list[Cell]:
    cells = _cells(text)
    if len(cells) != len(attributes):
        raise ValueError(f"expected {len(attributes)} values, found {len(cells)}")
    return [_convert(cell, column.kind) for cell, column in zip(cells, attributes, strict=True)]


def _cells(text: str) -> list[str]:
    cells: list[str] = []
    position = 0
    while True:
        match = CELL.match(text, position)
        if match is None:
            raise ValueError("expected values between commas")
        cells.append(match[1].rstrip())
        position = match.end()
        if position == len(text) and not match[0].endswith(","):
            return cells


def _convert(cell: str, kind: str) -> Cell:
    if cell in ("", "?"):
        return None
    value = _unquote(cell)
    return float(value) if kind == "numeric" else value


def _unquote(cell: str) -> str:
    if cell[:1] not in ('"', "'"):
        return cell
    return ESCAPE.sub(_unescape, cell[1:-1])


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] == "u" and len(code) == 5:
        return chr(int(code[1:], 16))
    if code.isdigit():
        return chr(int(code, 8))
    return CONTROLS.get(code, code)

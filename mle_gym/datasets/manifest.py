"""What the brief says of the public files, found out once, when they are made."""

from __future__ import annotations

import filecmp
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.dataset import HIDDEN, RUNS
from mle_gym.datasets.tables import codes, count_rows, kind, read_cells, read_csv

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["describe", "own_inputs"]

LARGE = 32 * 2**20
"""Bytes from which on a table is not read whole, which may take 20 times the memory."""
SAMPLED = 200_000
SAMPLE_LINES = 4
MOST_VALUES = 8
FEW_NUMBERS = 3
LONGEST_TEXT = 40
KNOWN = ("train.csv", "test.csv", "sample_submission.csv")


def describe(public: Path, private: Path) -> dict[str, Any]:
    """Tables with rows and columns, folders with their number of files, and the sample's head.

    Of ``private`` only the number of rows to predict is told.
    """
    tables = {file.name: _table_in(file) for file in _csv_files(public)}
    folders = {
        path.name: _folder(path, public) for path in sorted(public.iterdir()) if path.is_dir()
    }
    others = [
        {"name": path.name, "bytes": path.stat().st_size}
        for path in sorted(public.iterdir())
        if path.is_file() and path.name not in tables
    ]
    asked = private / "answers.csv"
    if not asked.is_file():  # only the task's own grader knows the answers
        asked = public / "sample_submission.csv"
    answers = count_rows(asked) if asked.is_file() else 0
    return {
        "tables": tables,
        "folders": folders,
        "others": others,
        "sample": _first_lines(public / "sample_submission.csv"),
        "answers": answers,
    }


def own_inputs(folder: Path) -> list[str]:
    """The files that a handed-in program finds in place of public ones, where a generator made any.

    Args:
        folder: The dataset's.
    """
    public, hidden = folder / "public", folder / HIDDEN
    hidden = hidden if hidden.is_dir() else folder / RUNS / "1"
    files = sorted(path for path in hidden.rglob("*") if path.is_file())
    names = [path.relative_to(hidden).as_posix() for path in files]
    return [name for name in names if not _same(hidden / name, public / name)]


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(one, other, shallow=False)


def _first_lines(sample: Path) -> str:
    """How the sample submission begins; empty where it is no such file."""
    if not sample.is_file():
        return ""
    with sample.open(encoding="utf-8") as file:
        return "".join(next(file, "") for _ in range(SAMPLE_LINES))


def _csv_files(public: Path) -> list[Path]:
    def place(file: Path) -> tuple[int, str]:
        return (KNOWN.index(file.name) if file.name in KNOWN else len(KNOWN), file.name)

    return sorted(public.glob("*.csv"), key=place)


def _table_in(file: Path) -> dict[str, Any]:
    """A table's rows and columns; of a very large one the columns as its first rows have them."""
    rows = None if file.stat().st_size <= LARGE else SAMPLED
    head = _table(read_csv(file, text=codes(read_cells(file, rows)), rows=rows))
    return head if rows is None else {**head, "rows": count_rows(file), "sampled": head["rows"]}


def _table(table: pd.DataFrame) -> dict[str, Any]:
    columns = [
        {
            "name": name,
            "kind": kind(table[name]),
            "missing": int(table[name].isna().sum()),
            "values": _values(table[name].dropna()),
        }
        for name in table.columns
    ]
    return {"rows": len(table), "columns": columns}


def _values(column: pd.Series[Any]) -> str:
    """A column's values in a few words: all of them if few, else a range or an example."""
    if not len(column):
        return ""
    distinct = column.unique().tolist()
    if kind(column) == "text":
        if len(distinct) <= MOST_VALUES:
            return ", ".join(map(_short, sorted(distinct)))
        return f"{len(distinct)} distinct, such as {_short(column.iloc[0])}"
    if kind(column) == "boolean":
        return ", ".join(map(str, sorted(distinct)))
    if len(distinct) <= FEW_NUMBERS:
        return ", ".join(f"{value:g}" for value in sorted(distinct))
    return f"{min(distinct):g} to {max(distinct):g}"


def _short(value: str) -> str:
    text = " ".join(value.split())
    return repr(text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…")


def _folder(path: Path, public: Path) -> dict[str, Any]:
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return {
        "files": len(files),
        "bytes": sum(file.stat().st_size for file in files),
        "example": str(files[0].relative_to(public)) if files else "",
    }

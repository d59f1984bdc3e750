"""Finds submitted labels that appear literally in the agent's actions."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mle_gym.text import one_line
from mle_gym.trajectories.audit.python_code import literals
from mle_gym.trajectories.audit.rules import finding
from mle_gym.trajectories.audit.written_code import Script
from mle_gym.trajectories.findings import Finding
from mle_gym.trajectories.stored_submission import unpack_submission
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["Submitted", "hand_labels", "submitted_rows"]

FEWEST_ROWS = 10
"""Fewer rows that agree may be an example of the format."""
LEAST_CHANCE = math.log(1e-6)
"""Agreement that guesses by the labels' frequencies reach more often than this is not a finding.
So constant predictions, and lists of numbers that happen to be ids, are none."""
SHOWN = 0.9
"""The share of the rows that an earlier output must have shown for the labels to be retyped."""
MOST_ROWS_SEARCHED = 100_000
"""In a larger submission a list of labels is compared with its beginning only, which is faster."""
MOST_BYTES = 16 * 2**20
MOST_CELLS = 1_000_000
"""Cells of a submission that is compared. A larger one was not written by hand."""
_BEFORE = re.compile(r"^\W*(?:(?:echo|printf)\s+(?:-\w+\s+)*)?['\"(\[{]*")
_AFTER = " \t'\")]},;\\"
"""Characters that may surround a row in the script that writes it."""

Row = tuple[str, ...]


@dataclass(frozen=True)
class Submitted:
    """The submission that was graded."""

    rows: dict[str, Row]
    """Id to predicted values, as :func:`_cell` writes them."""
    logs: dict[Row, float]
    """The logarithm of each label's frequency."""

    @property
    def enough(self) -> int:
        """How many rows must agree for a finding: all of them in the smallest submissions."""
        return min(FEWEST_ROWS, len(self.rows))

    @cached_property
    def columns(self) -> tuple[list[str], list[Row]]:
        """Ids and labels, in the file's order."""
        return list(self.rows), list(self.rows.values())

    def row(self, line: str) -> Row | None:
        """The cells of a CSV line if it is one of these rows; None otherwise."""
        if "," not in line:
            return None
        try:
            cells = tuple(map(_cell, next(csv.reader([line]), ())))
        except csv.Error:
            return None
        return cells if self.rows.get(cells[0]) == cells[1:] else None

    def chance(self, ids: Mapping[str, Any] | set[str]) -> float:
        """The logarithm of the probability of guessing the labels of these rows."""
        return sum(self.logs[self.rows[each]] for each in ids)


@dataclass
class _Seen:
    """Rows found so far."""

    written: dict[str, str] = field(default_factory=dict)
    """Id to the text in which it appeared."""
    shown: set[str] = field(default_factory=set)
    retyped: set[str] = field(default_factory=set)


def submitted_rows(trajectory: Trajectory) -> Submitted | None:
    """The submission in the record; None if it has none that can be read as a table."""
    packed = (trajectory.footer or {}).get("submission")
    if not packed or packed.get("zlib") is None:
        return None
    try:
        content = unpack_submission(packed, MOST_BYTES)
        if sum(content.count(sign) for sign in (b",", b"\n", b"\r")) > MOST_CELLS:
            return None
        table = [row for row in csv.reader(io.StringIO(content.decode(), newline="")) if row]
    except (ValueError, KeyError, TypeError, csv.Error):
        return None
    rows = {_cell(row[0]): tuple(map(_cell, row[1:])) for row in table[1:] if len(row) > 1}
    if not rows:
        return None
    counts = Counter(rows.values())
    return Submitted(rows, {row: math.log(n / len(rows)) for row, n in counts.items()})


def hand_labels(
    trajectory: Trajectory, written: list[Script], submitted: Submitted
) -> Iterator[Finding]:
    """A finding for the first step by which enough labels had been written."""
    seen = _Seen()
    for number, step in enumerate(trajectory.steps, start=1):
        for script in (each for each in written if each.step == number):
            _look(script, submitted, seen)
        if _is_finding(seen.written, submitted):
            yield _finding(number, trajectory, written, submitted)
            return
        seen.shown |= _rows_in(_output(step.observation), submitted).keys()


def _finding(
    number: int, trajectory: Trajectory, written: list[Script], submitted: Submitted
) -> Finding:
    """The finding of the whole record, reported for the step in which it became clear.

    The later steps are read too, since they decide whether most labels were retyped.
    """
    seen = _Seen()
    for at, step in enumerate(trajectory.steps, start=1):
        for script in (each for each in written if each.step == at):
            _look(script, submitted, seen)
        seen.shown |= _rows_in(_output(step.observation), submitted).keys()
    retyped = len(seen.retyped) >= SHOWN * len(seen.written)
    text = next(iter(seen.written.values()))
    count = f"{len(seen.written):,} of {len(submitted.rows):,} rows as handed in"
    return finding("labels-retyped" if retyped else "hand-labels", number, f"{count}: {text}")


def _is_finding(ids: Mapping[str, Any] | set[str], submitted: Submitted) -> bool:
    return len(ids) >= submitted.enough and submitted.chance(ids) <= LEAST_CHANCE


def _look(script: Script, submitted: Submitted, seen: _Seen) -> None:
    """Add the rows whose labels a script contains."""
    found = _rows_in(script.text, submitted)
    if script.language == "python" or script.text.lstrip()[:1] in ("{", "["):
        for value in literals(script.text):
            found |= dict.fromkeys(_rows_of(value, submitted), one_line(str(value)))
    for each, text in found.items():
        if each not in seen.written:
            seen.written[each] = text
            seen.retyped |= {each} & seen.shown


def _rows_in(text: str, submitted: Submitted) -> dict[str, str]:
    """Ids of the rows that appear as lines of a text, with these lines."""
    found = {}
    for line in text.replace("\\n", "\n").splitlines():
        bare = _BEFORE.sub("", line)
        for row in (bare, bare.rpartition(">")[0].rstrip(" >")):
            cells = submitted.row(row.rstrip(_AFTER))
            if cells is not None:
                found[cells[0]] = one_line(line)
    return found


def _rows_of(value: Any, submitted: Submitted) -> set[str]:
    """Ids whose labels a literal in a program contains."""
    if isinstance(value, dict):
        rows = {_cell(key): _row(item) for key, item in value.items()}
        return {each for each, row in rows.items() if submitted.rows.get(each) == row}
    if isinstance(value, list) and all(isinstance(each, tuple) for each in value):
        pairs = [tuple(map(_cell, each)) for each in value]
        return {each[0] for each in pairs if submitted.rows.get(each[0]) == each[1:]}
    if any(isinstance(each, tuple) for each in value):
        return set()
    ids = _alike(value, submitted)
    return ids or (_column(value, submitted) if isinstance(value, list) else set())


def _alike(value: Any, submitted: Submitted) -> set[str]:
    """Ids that were listed because they share a label; empty if that may be chance."""
    ids = {_cell(each) for each in value}
    if not all(each in submitted.rows for each in ids):
        return set()
    one_label = len({submitted.rows[each] for each in ids}) == 1
    return ids if one_label and _is_finding(ids, submitted) else set()


def _column(value: list[Any], submitted: Submitted) -> set[str]:
    """Ids of the rows whose labels are listed in the submission's order."""
    ids, labels = submitted.columns
    listed = [_row(each) for each in value]
    last = len(labels) - len(listed) if len(labels) <= MOST_ROWS_SEARCHED else 0
    if len(listed) < submitted.enough or not submitted.logs.keys() >= set(listed):
        return set()
    for start in range(last + 1):
        if labels[start] == listed[0] and labels[start : start + len(listed)] == listed:
            found = set(ids[start : start + len(listed)])
            # A list that may begin at any of many places agrees by chance that much more often.
            chance = submitted.chance(found) + math.log(last + 1)
            return found if chance <= LEAST_CHANCE else set()
    return set()


def _row(value: Any) -> Row:
    return tuple(map(_cell, value)) if isinstance(value, tuple) else (_cell(value),)


def _cell(value: Any) -> str:
    """A value as text, with one spelling for each number."""
    text = str(value).strip().strip("'\"")
    try:
        return f"{float(text):.10g}"
    except ValueError:
        return text


def _output(observation: Any) -> str:
    return str(observation.get("output", "")) if isinstance(observation, dict) else ""

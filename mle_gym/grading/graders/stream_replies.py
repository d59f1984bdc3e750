"""What a streamed program may ask: each line of its answers is looked up in a table on the host.

A program that searches for the best settings, say, gets what the settings of its last answer are
worth. The host counts the rounds and the lines, and no sandbox ever has the table: neither code nor
patience shows a program more than it asked for. Looking up runs no code of a task.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.errors import DatasetError, SubmissionError

if TYPE_CHECKING:
    from mle_gym.tasks.submission_schema import RepliesSpec

__all__ = ["ASK", "REPLY", "Replies"]

ASK, REPLY = "ask", "reply"
"""The columns of the table. Rows with the same ``ask`` reply in turn, and then from the start."""


class Replies:
    """The replies of one run.

    Args:
        file: The table.
        spec: How often and how much may be asked.

    Raises:
        DatasetError: There is no such table.
    """

    def __init__(self, file: Path, spec: RepliesSpec) -> None:
        self.left = spec.rounds
        """How many more answers are looked up."""
        self._most = spec.lines
        self._told: defaultdict[str, list[str]] = defaultdict(list)
        self._asked: defaultdict[str, int] = defaultdict(int)
        try:
            with file.open(encoding="utf-8", newline="") as table:
                for row in csv.DictReader(table):
                    self._told[row[ASK]].append(row[REPLY])
        except (OSError, KeyError) as error:
            wanted = f"a table with the columns {ASK!r} and {REPLY!r}"
            raise DatasetError(f"{file}: expected {wanted}, found: {error}") from None

    def to(self, answer: str) -> str:
        """A line for each line of an answer: itself, a comma, and what the table has.

        Nothing follows the comma where the table doesn't have the line.

        Raises:
            SubmissionError: The answer has too many lines.
        """
        self.left -= 1
        lines = answer.splitlines()
        if len(lines) > self._most:
            raise SubmissionError(
                "too_many_lines", f"an answer has {len(lines):,} lines, at most {self._most:,} fit"
            )
        return "".join(f"{line},{self._reply(line)}\n" for line in map(str.strip, lines))

    def _reply(self, line: str) -> str:
        told = self._told.get(line)
        if not told:
            return ""
        turn = self._asked[line] % len(told)
        self._asked[line] += 1
        return told[turn]

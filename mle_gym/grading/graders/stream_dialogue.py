"""The host's side of a stream: the next chunk goes out when the answer to the last one has come.

Where a submission declares columns, an answer may only be about rows that its own chunk asked for
first. Otherwise a program could wait for what later chunks tell about a row, such as its label.

Where it declares replies, further chunks follow: what a table has for the lines of the last answer.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.errors import SubmissionError
from mle_gym.sandbox.protocol import Reply

if TYPE_CHECKING:
    from mle_gym.grading.graders.stream_replies import Replies
    from mle_gym.tasks.submission_schema import SubmissionSpec

__all__ = ["Dialogue"]


class Dialogue:
    """One run's chunks and answers.

    Args:
        folder: Its files are the chunks, in the order of their names.
        spec: What the answers together are: a table with these columns, or anything.
        replies: What answers to the last chunk, and to the replies themselves, are looked up in.
    """

    def __init__(self, folder: Path, spec: SubmissionSpec, replies: Replies | None = None) -> None:
        self._chunks = [path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())]
        self._spec, self._replies = spec, replies
        self._given = 0
        self._seen: set[str] = set()
        self._asked: set[str] = set()
        """The ids that the last chunk was the first to have."""
        self._answers: list[str] = []
        self._size = 0

    @property
    def unanswered(self) -> int:
        """How many chunks have no answer yet."""
        to_come = self._replies.left if self._replies is not None else 0
        return len(self._chunks) + to_come - len(self._answers)

    @property
    def output(self) -> bytes:
        """The answers as a table; without declared columns each is followed by an empty line."""
        if not self._spec.columns:
            return "".join(f"{answer}\n" for answer in self._answers).encode()
        return "".join([f"{','.join(self._spec.columns)}\n", *self._answers]).encode()

    def reply(self, content: bytes) -> Reply:
        """The next chunk in return for the answer to the last one; the first in return for nothing.

        Raises:
            SubmissionError: The answer is about other rows, or it or all of them are too large.
        """
        if self._given and self.unanswered:
            self._take(content)
            if (
                self._given == len(self._chunks)
                and self._replies is not None
                and self._replies.left
            ):
                self._chunks.append(self._replies.to(self._answers[-1]))
        if self._given == len(self._chunks):
            return Reply(1, "")
        chunk = self._chunks[self._given]
        self._given += 1
        if self._spec.columns:
            ids = {row.get(self._spec.id) or "" for row in csv.DictReader(io.StringIO(chunk))}
            self._asked = ids - self._seen
            self._seen |= ids
        return Reply(0, chunk)

    def _look_up(self) -> None:
        """Add what the last answer asked for, if it was the one to the last chunk so far."""
        if self._replies is not None and self._replies.left and self._given == len(self._chunks):
            self._chunks.append(self._replies.to(self._answers[-1]))

    def _take(self, content: bytes) -> None:
        self._size += len(content)
        if self._size > self._spec.max_bytes:
            allowed = f"at most {self._spec.max_bytes:,} are allowed"
            raise SubmissionError("too_large", f"the answers have {self._size:,} bytes, {allowed}")
        text = content.decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if line.strip()]
        if self._spec.columns:
            self._check_ids(lines)
        self._answers.append("".join(f"{line}\n" for line in lines))

    def _check_ids(self, lines: list[str]) -> None:
        at = list(self._spec.columns).index(self._spec.id)
        for line in lines:
            if _cell(line, at) not in self._asked:
                where = f"the answer to chunk {self._given}"
                raise SubmissionError("wrong_chunk", f"{where} has a row that it did not ask for")


def _cell(line: str, at: int) -> str:
    """One cell of a line of CSV; empty where there is none, or no such line."""
    try:
        cells = next(csv.reader([line]), [])
    except csv.Error:  # a cell longer than the reader's limit, for instance
        return ""
    return cells[at].strip() if len(cells) > at else ""

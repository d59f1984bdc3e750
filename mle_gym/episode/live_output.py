"""What an action's command prints, as text, while it runs."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from mle_gym.sandbox.protocol import Printed
from mle_gym.text import clean

__all__ = ["LiveOutput", "LiveText", "ShowOutput"]

_log = logging.getLogger(__name__)
_LONGEST_LINE = 2_000
"""Characters of a line that is shown before it is complete."""
_STRING = re.compile(
    rb"\x1b\](?:(?!\xc2\x9c)[^\x07\x1b])*(?:\x07|\x1b\\|\xc2\x9c)"
    rb"|\x1b[PX^_](?:(?!\xc2\x9c)[^\x1b])*(?:\x1b\\|\xc2\x9c)"
)
"""A control string, which may contain line breaks. :mod:`mle_gym.text` removes it as a whole."""
_OPEN_STRING = re.compile(rb"\x1b[\]PX^_][^\x1b]*\x1b?\Z")
"""One that may still be completed: cleaned alone, its beginning would look like text."""


@dataclass(frozen=True)
class LiveOutput:
    """What is new in a running command's output. It is as harmless as an observation's."""

    lines: str
    """Whole lines. All of a command's are together a beginning of its observation's output."""
    newest: str
    """The line that is not complete yet. Each replaces the one before, and the last one is in the
    observation; so it is with the newest line of an output whose middle may be left out."""


ShowOutput = Callable[[LiveOutput], None]


class LiveText:
    """Turns the bytes that a command writes into text, line by line.

    Args:
        show: Is called with what is new. If it raises, that is logged, and it isn't called again:
            a step doesn't fail because nobody can watch it.
        limit: The most bytes of a command's output that are returned.
        note: What the observation's output begins with, before the command's own.
    """

    def __init__(self, show: ShowOutput, limit: int, note: str = "") -> None:
        self._show, self._room = show, limit
        self._unfinished = note.encode()
        self._broken = False

    def __call__(self, printed: Printed) -> None:
        """Show what a command has written."""
        if printed.newest:
            self._tell("", clean(printed.content[-_LONGEST_LINE:]).rstrip("\n").rpartition("\n")[2])
            return
        self._unfinished = _STRING.sub(b"", self._unfinished + printed.content[: self._room])
        self._room -= min(len(printed.content), self._room)
        opened = _OPEN_STRING.search(self._unfinished)
        fit = self._unfinished[: opened.start()] if opened else self._unfinished
        end = fit.rfind(b"\n") + 1
        lines, rest = fit[:end], fit[end:]
        self._unfinished = self._unfinished[end:]
        self._tell(clean(lines), clean(rest[-_LONGEST_LINE:]))

    def _tell(self, lines: str, newest: str) -> None:
        if self._broken:
            return
        try:
            self._show(LiveOutput(lines, newest))
        except Exception:
            self._broken = True
            _log.exception("what a command prints can't be shown while it runs")

"""The terminal that people read: text from anywhere is shown as text, and nothing else.

Names of files, records, tasks and error messages may come from an agent or from other people.
Here, and nowhere else, they are made harmless on their way out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from mle_gym.text import clean_text

__all__ = ["CleanConsole", "drop"]


class CleanConsole(Console):
    """A console that sends a terminal no escape sequence but its own.

    Markup and emoji codes mean nothing in it. What the stream's encoding hasn't got becomes a
    question mark. Once its reader has gone away, as with ``| head``, it says no more.

    Args:
        stream: Where to write; None for what ``sys.stdout`` is at that moment.
        options: Of :class:`rich.console.Console`.
    """

    def __init__(self, stream: TextIO | None = None, **options: Any) -> None:
        super().__init__(file=stream, highlight=False, markup=False, emoji=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as usual, and clean the text in what comes of it."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=self._clean(segment.text))

    def on_broken_pipe(self) -> None:
        """Go on without a reader, so that the program ends as it would have."""
        self.quiet = True
        drop(self.file)

    def _clean(self, text: str) -> str:
        encoding = self.encoding
        return clean_text(text).encode(encoding, errors="replace").decode(encoding)


def drop(stream: IO[str]) -> None:
    """Let what is written to a stream whose reader has gone away vanish."""
    with suppress(OSError, ValueError), Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), stream.fileno())

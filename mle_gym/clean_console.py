"""A console that shows text from any source as plain text.

Names of files, records, tasks and error messages may come from an agent or from other people. This
module alone makes them harmless before they reach a terminal.
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
    """A console that sends a terminal no escape sequences except its own.

    Markup and emoji codes have no meaning in it. Characters that the stream's encoding lacks become
    question marks. Once its reader has gone, as with ``| head``, it prints nothing more.

    Args:
        stream: Where to write; None for ``sys.stdout`` as it is at the time of writing.
        options: Those of :class:`rich.console.Console`.
    """

    def __init__(self, stream: TextIO | None = None, **options: Any) -> None:
        super().__init__(file=stream, highlight=False, markup=False, emoji=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as usual, and clean the resulting text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=self._clean(segment.text))

    def on_broken_pipe(self) -> None:
        """Go on without a reader, so that the program ends with its own exit code."""
        self.quiet = True
        drop(self.file)

    def _clean(self, text: str) -> str:
        encoding = self.encoding
        return clean_text(text).encode(encoding, errors="replace").decode(encoding)


def drop(stream: IO[str]) -> None:
    """Discard everything that is written to a stream whose reader has gone."""
    with suppress(OSError, ValueError), Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), stream.fileno())

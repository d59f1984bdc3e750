"""Shows a long text page by page, as ``git`` does, where there is a terminal."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console, RenderableType

__all__ = ["show_in_pages"]

WIDEST = 100
"""Columns of a text that is read: longer lines are hard to follow."""
PAGERS = ("less -FRX", "more")
"""Used without ``PAGER``. Less keeps the text on the screen when it is left."""


def show_in_pages(console: Console, content: RenderableType) -> None:
    """Print what fits on the terminal; show anything longer in the pager of ``PAGER``, or less."""
    width = min(console.width, WIDEST)
    with console.capture() as capture:
        console.print(content, width=width, soft_wrap=False)
    text = capture.get()
    command = _pager() if console.is_terminal else []
    if not command or text.count("\n") < console.height:
        console.print(content, width=width, soft_wrap=False)
        return
    with _left_alone_by_ctrl_c(), suppress(OSError):
        subprocess.run(command, input=text.encode("utf-8", "replace"), check=False)
        return
    console.print(content, width=width, soft_wrap=False)


def _pager() -> list[str]:
    """The words of the pager's command; none if there is no pager."""
    for line in filter(None, (os.environ.get("PAGER"), *PAGERS)):
        with suppress(ValueError):
            words = shlex.split(line)
            if words and shutil.which(words[0]):
                return words if words != ["less"] else shlex.split(PAGERS[0])
    return []


@contextmanager
def _left_alone_by_ctrl_c() -> Iterator[None]:
    """Ctrl-C is for the pager, which shares our terminal."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

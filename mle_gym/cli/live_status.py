"""The last lines of a terminal, which are drawn again while something runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import Progress
from rich.text import Text

__all__ = ["counting_bar", "live_status", "one_row"]

_DRAWN_PER_SECOND = 4


@contextlib.contextmanager
def live_status(
    console: Console, draw: Callable[[], RenderableType], *, keep: bool = False
) -> Iterator[None]:
    """Show a status below everything that the block prints; nothing where there is no terminal.

    Args:
        console: Where the block prints, too.
        draw: Returns the status as it is now.
        keep: Whether the last status stays there.
    """
    if not console.is_terminal:
        yield
        return
    with Live(
        get_renderable=draw,
        console=console,
        transient=not keep,
        refresh_per_second=_DRAWN_PER_SECOND,
    ):
        yield


@contextlib.contextmanager
def counting_bar(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar that the function moves, given how many are done, and of how many."""
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task(what, total=None)

        def move(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        yield move


def one_row(text: str, style: str = "") -> Text:
    """A line of a status, which is cut where the terminal ends: a wrapped one would flicker."""
    return Text(text.expandtabs(), style=style, no_wrap=True, overflow="ellipsis")

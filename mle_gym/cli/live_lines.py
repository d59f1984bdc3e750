"""Shows what a command prints while it runs: whole lines stay, the line that grows is rewritten."""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from mle_gym.cli.live_status import one_row
from mle_gym.episode.live_output import LiveOutput

__all__ = ["LiveLines", "print_output", "unshown"]


class LiveLines:
    """Prints the output of one command after the other.

    Args:
        console: Off a terminal, it gets whole lines alone, and no control characters.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown, self._newest = "", ""

    def begin(self) -> None:
        """Get ready for the next command."""
        self._forget_newest()
        self._shown = ""

    def printed(self, output: LiveOutput) -> None:
        """Show what is new in its output."""
        self._forget_newest()
        print_output(self._console, output.lines)
        self._shown += output.lines
        if self._console.is_terminal and output.newest:
            self._newest = output.newest
            line = one_row(output.newest)
            line.truncate(max(1, self._console.width - 1), overflow="ellipsis")
            self._console.print(line, end="")

    def finish(self, output: str) -> None:
        """Show the rest of its whole output."""
        self._forget_newest()
        print_output(self._console, unshown(output, self._shown).rstrip("\n"))
        self._shown = ""

    def _forget_newest(self) -> None:
        if self._newest:
            self._newest = ""
            erase = (ControlType.ERASE_IN_LINE, 2)
            self._console.control(Control(ControlType.CARRIAGE_RETURN, erase))


def print_output(console: Console, text: str, style: str = "") -> None:
    """Print a part of an output, unless it is empty; only the terminal breaks its lines."""
    if text:
        console.print(Text(text.removesuffix("\n"), style=style), soft_wrap=True)


def unshown(output: str, shown: str) -> str:
    """What of a whole output wasn't shown while it came; all of it if something else was shown."""
    return output[len(shown) :] if output.startswith(shown) else output

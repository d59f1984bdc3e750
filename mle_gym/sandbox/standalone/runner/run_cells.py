"""The cells of an episode: keeps their interpreter, and says when its variables are gone."""

from __future__ import annotations

import os

from .interpreter import Interpreter
from .processes import descendants, process_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .running_command import Command
    from .shell import Shell

NEW = b"[this is a new interpreter: earlier cells' variables are gone]\n"
RESTARTED = b"[the interpreter was restarted: its variables are gone]\n"
_SIGNALS = {6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}


class Cells:
    """At most one interpreter, which is started for a cell and lives on.

    Args:
        shell: Starts it, and knows whether the agent counts on variables of earlier cells, which a
            snapshot carries along.
        script: What becomes the interpreter in that shell.
        run: The runner's own folder.
    """

    def __init__(self, shell: Shell, script: str, run: str) -> None:
        self._shell, self._script, self._run = shell, script, run
        self.interpreter: Interpreter | None = None

    def restart(self) -> bytes:
        """End the interpreter; returns what the agent should know of it."""
        had_variables, self._shell.has_cells = self._shell.has_cells, False
        self.end()
        return RESTARTED if had_variables else b""

    def send(self, source: bytes) -> tuple[Interpreter, bytes]:
        """Begin a cell, in a new interpreter if there is none.

        Returns:
            The interpreter, and what the agent should know of it.

        Raises:
            OSError: None could be started, or it doesn't take the cell.
        """
        note = b""
        if self.interpreter is None:
            note = NEW if self._shell.has_cells else b""
            self.interpreter = Interpreter(self._shell, self._script, self._run)
        try:
            self.interpreter.send(source)
        except OSError:
            self.end()
            raise
        self._shell.has_cells = True
        return self.interpreter, note

    def hear(self, cell_runs: bool) -> int | None:
        """Read what the interpreter says: the exit code of the running cell, if that has ended."""
        if self.interpreter is None:
            return None
        try:
            return self.interpreter.hear(cell_runs)
        except ValueError:
            self.interpreter.kill()
            return None

    def end(self) -> None:
        """End the interpreter, whatever it is doing."""
        if self.interpreter:
            self.interpreter.kill()
            self.forget()

    def forget(self) -> None:
        """Note that the interpreter has ended."""
        if self.interpreter:
            self.interpreter.close()
            self.interpreter = None

    def why_it_ended(self, command: Command, status: int) -> bytes:
        """What to tell the agent whose cell the interpreter has not survived."""
        self._shell.has_cells = False
        if command.killed_by == "end":
            return b""
        how = "has ended"
        if not command.killed_by and os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            how = f"was killed by signal {number}"
            how += f" ({_SIGNALS[number]})" if number in _SIGNALS else ""
        elif not command.killed_by:
            how = f"ended with exit code {os.WEXITSTATUS(status)}"
        return f"[the interpreter {how}, and its variables are gone]\n".encode()

    def started_by(self, command: Command) -> list[int]:
        """The processes that a cell has started, without the interpreter's own."""
        own = self.interpreter.processes if self.interpreter else ()
        found = descendants(process_table(), command.older)
        return [pid for pid in found if pid not in own]

"""The prompt of ``mle-gym play``: a line editor with history and completion on a terminal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.shortcuts import CompleteStyle

__all__ = ["Names", "Prompt", "WordCompleter", "open_prompt"]

Names = Callable[[str | None], list[str]]
"""The names in a folder of the workspace, or, for None, those of programs. It never raises."""

BUILT_INS = (
    "cd",
    "echo",
    "exit",
    "export",
    "for",
    "if",
    "jobs",
    "kill",
    "source",
    "unset",
    "while",
)
"""Words of bash that are no programs."""
OF_THE_WORKSPACE = ("read", "list", "validate", "score", "submit", "write")
"""Colon commands whose word is a file of the workspace. The first of ``:send`` is one outside."""
_LAST_WORD = re.compile(r"(?:\\.|[^\s;&|()<>='\"])*\Z")
_BEGINS_A_COMMAND = re.compile(r"(?:\A|[;&|(\n]|\b(?:do|then|else|if|while|time|!))\s*\Z")
_SPECIAL = re.compile(r"[^\w@%+=:,./~\-\u0080-\U0010ffff]")


class Prompt(Protocol):
    """Asks a person for lines."""

    def line(self, before: str, *, failed: bool = False) -> str:
        """Ask for one line, which has several where the person continued it.

        Args:
            before: What stands before it.
            failed: Whether the last command failed, which the colour shows.

        Raises:
            EOFError: The person left.
            KeyboardInterrupt: There is no terminal, and so no line to end by Ctrl-C.
        """
        ...


def open_prompt(history: Path, colon_words: Iterable[str], names: Names) -> Prompt:
    """The prompt for this process's standard input.

    Args:
        history: A file that keeps the lines for the next session.
        colon_words: What may follow a colon at the beginning of a line.
        names: What file names are completed from.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _PlainPrompt()
    return _EditedPrompt(history, WordCompleter(tuple(colon_words), names))


class _PlainPrompt:
    """Reads lines from a pipe or a file."""

    def line(self, before: str, *, failed: bool = False) -> str:
        line = input(before)
        while line.endswith("\\"):
            line = f"{line[:-1]}\n{input('> ' if before else '')}"
        return line


class _EditedPrompt:
    def __init__(self, history: Path, completer: Completer) -> None:
        self._session: PromptSession[str] = PromptSession(
            history=_history(history),
            completer=completer,
            complete_style=CompleteStyle.READLINE_LIKE,
            complete_while_typing=False,
            key_bindings=_bindings(),
            prompt_continuation=lambda width, number, wrapped: "" if wrapped else "> ",
        )

    def line(self, before: str, *, failed: bool = False) -> str:
        while True:
            try:
                return self._session.prompt(_coloured(before, failed))
            except KeyboardInterrupt:  # ends the line, as in every shell
                if not before:
                    raise EOFError from None


def _coloured(before: str, failed: bool) -> StyleAndTextTuples:
    return [("ansired" if failed else "ansigreen", before)]


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @Condition
    def continues() -> bool:
        return get_app().current_buffer.text.endswith("\\")

    @bindings.add("enter", filter=continues)
    def _continue(event: KeyPressEvent) -> None:
        event.current_buffer.cursor_position = len(event.current_buffer.text)
        event.current_buffer.delete_before_cursor()
        event.current_buffer.insert_text("\n")

    @bindings.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return bindings


def _history(path: Path) -> History:
    """The lines of earlier sessions; only those of this one if the file can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        FileHistory(str(path)).load_history_strings()
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))


class WordCompleter(Completer):
    """Completes the last word before the cursor: a colon command, a program or a file.

    Args:
        colon_words: Colon commands, without the colon.
        names: See :data:`Names`.
    """

    def __init__(self, colon_words: tuple[str, ...], names: Names) -> None:
        self._colon_words, self._names = colon_words, names
        self._of_this_machine = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Completion]:
        """What the word may become."""
        text = document.text_before_cursor
        if not text.startswith(":"):
            yield from self._in_a_script(text)
            return
        command, space, argument = text[1:].partition(" ")
        if not space:
            found = [word for word in self._colon_words if word.startswith(command)]
            yield from (Completion(f"{word} ", -len(command), display=word) for word in found)
        elif command == "send" and " " not in argument:
            yield from self._of_this_machine.get_completions(Document(argument), event)
        elif command in (*OF_THE_WORKSPACE, "send"):
            yield from self._files(argument.rpartition(" ")[2])

    def _in_a_script(self, text: str) -> Iterator[Completion]:
        found = _LAST_WORD.search(text)
        word = found[0] if found else ""
        before = text[: len(text) - len(word)]
        if _BEGINS_A_COMMAND.search(before) and "/" not in word:
            programs = {*BUILT_INS, *(name for name in self._names(None) if name[-1] != "/")}
            yield from _completions(word, sorted(programs))
        else:
            yield from self._files(word)

    def _files(self, word: str) -> Iterator[Completion]:
        folder, slash, begun = re.sub(r"\\(.)", r"\1", word).rpartition("/")
        names = self._names(folder + slash or ".")
        shown = [name for name in names if begun.startswith(".") or not name.startswith(".")]
        yield from _completions(begun, shown, typed=len(word.rpartition("/")[2]))


def _completions(
    begun: str, names: Iterable[str], typed: int | None = None
) -> Iterator[Completion]:
    """Names that begin so, quoted for a shell; a file or a program ends with a space."""
    for name in names:
        if name.startswith(begun) and name.isprintable():
            text = _SPECIAL.sub(lambda found: f"\\{found[0]}", name)
            end = "" if name.endswith("/") else " "
            start = -(len(begun) if typed is None else typed)
            yield Completion(text + end, start, display=name)

"""Collects what an agent wrote, scripts and files, from the record of its actions."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from mle_gym.episode.actions.action import (
    ApplyPatch,
    Cell,
    EditFile,
    InsertText,
    Score,
    Shell,
    Submit,
    Validate,
    WriteFile,
)
from mle_gym.episode.actions.parse import parse_action
from mle_gym.errors import ActionError, TrajectoryError
from mle_gym.trajectories.audit.shell_code import Command, commands, heredocs
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["Script", "is_readable", "scripts"]

MOST_TEXT = 16 * 2**20
"""Characters of all versions of all files together. Each edit of a file makes another version."""
DEEPEST = 20
"""How deeply scripts within scripts are searched."""
_TARGET = re.compile(r"(?:>{1,2}|\btee(?:\s+-a)?)\s*([^\s;|&<>]+)")
_PATCHED_FILE = re.compile(r"\*\*\* (?:Add File|Update File|Move to): (.+)")
_PYTHON = re.compile(r"python[\d.]*$")


@dataclass(frozen=True)
class Script:
    """One text by the agent."""

    step: int
    """Counted from 1."""
    language: Literal["shell", "python", "text"]
    text: str
    path: str = ""
    """The file that it became; empty for a script that was run directly."""


def is_readable(action: Any) -> bool:
    """Whether an action can be searched: text or a tool call, not a number of a menu."""
    return isinstance(action, str | dict)


def scripts(trajectory: Trajectory) -> Iterator[Script]:
    """Every script and every version of every file in the actions.

    Raises:
        TrajectoryError: They are longer than :data:`MOST_TEXT`.
    """
    left = MOST_TEXT
    for script in _scripts(trajectory):
        left -= len(script.text)
        if left < 0:
            raise TrajectoryError(f"step {script.step}: more text than an audit can search")
        yield script


def _scripts(trajectory: Trajectory) -> Iterator[Script]:
    files = _WrittenFiles()
    for number, step in enumerate(trajectory.steps, start=1):
        try:
            action = parse_action(step.action)
        except ActionError:  # a malformed action wrote nothing
            continue
        match action:
            case Shell(command):
                for script in _of_shell(number, command):
                    if script.path:
                        files.write(script.path, script.text)
                    yield script
            case Cell(code):
                yield Script(number, "python", code)
            case WriteFile(path, content):
                yield _file(number, *files.write(path, content))
            case EditFile(path, old, new):
                yield _file(number, *files.edit(path, old, new))
            case InsertText(path, line, text):
                yield _file(number, *files.insert(path, line, text))
            case ApplyPatch(patch):
                yield from _added_by_patch(number, patch)
            case Submit(path) | Score(path) | Validate(path):
                words = f"{action.tool} {path or ''}".strip()
                yield Script(number, "shell", words)


class _WrittenFiles:
    """The files that the agent wrote, as far as its actions show what is in them.

    Each method returns the file's path, normalized, and its content.
    """

    def __init__(self) -> None:
        self._contents: dict[str, str] = {}

    def write(self, path: str, content: str) -> tuple[str, str]:
        path = posixpath.normpath(path)
        self._contents[path] = content
        return path, content

    def edit(self, path: str, old: str, new: str) -> tuple[str, str]:
        before = self._contents.get(posixpath.normpath(path))
        return self.write(path, new if before is None else before.replace(old, new, 1))

    def insert(self, path: str, line: int, text: str) -> tuple[str, str]:
        lines = self._contents.get(posixpath.normpath(path), "").splitlines(keepends=True)
        return self.write(path, "".join([*lines[:line], f"{text}\n", *lines[line:]]))


def _added_by_patch(step: int, patch: str) -> Iterator[Script]:
    """The lines that a patch adds, by file: what else the files hold may not be known."""
    added: dict[str, list[str]] = {}
    path = ""
    for line in patch.splitlines():
        if header := _PATCHED_FILE.match(line):
            path = posixpath.normpath(header[1])
        elif line.startswith("+"):
            added.setdefault(path, []).append(f"{line[1:]}\n")
    for path, lines in added.items():
        yield _file(step, path, "".join(lines))


def _of_shell(step: int, script: str, depth: int = 0) -> Iterator[Script]:
    # A heredoc is usually a program or a file: as part of the script it would be read as commands.
    bare, texts = heredocs(script)
    yield Script(step, "shell", bare)
    for text in texts:
        target = _TARGET.search(text.command)
        if target:
            yield _file(step, posixpath.normpath(target[1].strip("'\"")), text.body)
        elif any(_PYTHON.match(each.program) for each in commands(text.command)):
            yield Script(step, "python", text.body)
        elif depth < DEEPEST and any(
            each.program in ("bash", "sh") for each in commands(text.command)
        ):
            yield from _of_shell(step, text.body, depth + 1)
        else:
            yield Script(step, "text", text.body)
    for command in commands(bare):
        program = _one_liner(command)
        if program is not None:
            yield Script(step, "python", program)


def _one_liner(command: Command) -> str | None:
    """The program of ``python -c``."""
    words = command.words
    if _PYTHON.match(command.program) and "-c" in words[:-1]:
        return words[words.index("-c") + 1]
    return None


def _file(step: int, path: str, content: str) -> Script:
    language: Literal["shell", "python", "text"] = "text"
    if path.endswith(".py"):
        language = "python"
    elif path.endswith((".sh", ".bash")):
        language = "shell"
    return Script(step, language, content, path)

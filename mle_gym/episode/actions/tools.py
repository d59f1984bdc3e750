"""The tools that models call, and the action that each call stands for.

The default tools have the names and the fields that models were trained on; the other sets suit
models that know others, and :mod:`mle_gym.episode.actions.aliases` lists the names by which calls
are understood besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mle_gym.episode.actions import fields
from mle_gym.episode.actions.action import (
    Action,
    ApplyPatch,
    Cell,
    EditFile,
    InsertText,
    ListFiles,
    ReadFile,
    Score,
    Shell,
    Submit,
    Think,
    Validate,
    View,
    WriteFile,
)
from mle_gym.episode.actions.fields import Field
from mle_gym.errors import ActionError

__all__ = ["TOOLS", "TOOL_SETS", "Tool"]


@dataclass(frozen=True)
class Tool:
    """A tool as a model sees it."""

    name: str
    description: str
    fields: tuple[Field, ...]
    act: Callable[..., Action]
    """Takes the fields that were given, by name; raises ActionError if one is missing."""
    feedback: frozenset[str] = frozenset({"none", "validate", "score"})
    """With which feedback settings an environment answers it."""


def _bash(command: str = "", timeout: float | None = None, *, restart: bool = False) -> Action:
    return Shell(command, timeout, restart)


def _python(code: str = "", timeout: float | None = None, *, restart: bool = False) -> Action:
    return Cell(code, timeout, restart)


def _edit(command: str, path: str, **given: Any) -> Action:
    """The text editor's commands."""

    def field(name: str) -> Any:
        if name not in given:
            raise ActionError(f"{_EDITOR}: {command} requires the field {name!r}")
        return given[name]

    match command:
        case "view":
            first, last = given.get("view_range", (1, -1))
            return View(path, first, None if last == -1 else last - first + 1)
        case "create":
            return WriteFile(path, field("file_text"))
        case "str_replace":
            return EditFile(path, field("old_str"), given.get("new_str", ""))
        case _:
            # An older form of the tool has the text to insert in another field.
            name = "insert_text" if "insert_text" in given else "new_str"
            inserted = field("insert_text") if name not in given else given[name]
            return InsertText(path, field("insert_line"), inserted)


_EDITOR = "str_replace_based_edit_tool"
_FILE = fields.path("path", "File, relative to the workspace.", required=True)
_SUBMISSION = fields.path("path", "Default: the task's submission file.")

_TOOLS = (
    Tool(
        "bash",
        "Run a bash script. The working directory, variables and functions carry over to the next "
        "one, and processes in the background go on.",
        (
            fields.text("command", "The script.", required=True, nul=False),
            fields.seconds("timeout", "Seconds after which it is ended."),
            fields.flag(
                "restart", "First end all processes, and forget directory, variables and functions."
            ),
        ),
        _bash,
    ),
    Tool(
        "python",
        "Run a cell of Python, as in a notebook. Variables live on from cell to cell, and the "
        "value of an expression at the end is shown.",
        (
            fields.text("code", "The cell.", required=True),
            fields.seconds("timeout", "Seconds after which it is interrupted."),
            fields.flag("restart", "First restart the interpreter, and forget its variables."),
        ),
        _python,
    ),
    Tool(
        _EDITOR,
        "View, create and edit text files. view shows a file with line numbers, or a folder; "
        "create writes a whole file; str_replace replaces a text that occurs exactly once; insert "
        "inserts lines after a line.",
        (
            fields.choice("command", "What to do.", ("view", "create", "str_replace", "insert")),
            fields.path("path", "File or folder, relative to the workspace.", required=True),
            fields.text("file_text", "create: the whole content."),
            fields.text("old_str", "str_replace: the text to replace, exactly as in the file."),
            fields.text("new_str", "str_replace: what replaces it; default: nothing."),
            fields.integer("insert_line", "insert: after which line, 0 for the beginning.", 0),
            fields.text("insert_text", "insert: the lines to insert."),
            fields.lines("view_range", "view: first and last line, such as [1, 40]; -1: the last."),
        ),
        _edit,
    ),
    Tool(
        "apply_patch",
        "Add, delete, update and move files by a patch that begins with '*** Begin Patch'. The "
        "shell has the same program.",
        (fields.text("input", "The patch.", required=True, nul=False),),
        lambda input: ApplyPatch(input),
    ),
    Tool(
        "think",
        "Write a thought down. It changes nothing and costs no step.",
        (fields.text("thought", "The thought.", required=True),),
        lambda **_: Think(),
    ),
    Tool(
        "write_file",
        "Write a text file, replacing what is there and creating missing folders.",
        (_FILE, fields.text("content", "The whole new content.", required=True)),
        WriteFile,
    ),
    Tool(
        "edit_file",
        "Replace a text that occurs exactly once in a file.",
        (
            _FILE,
            fields.text("old", "The text to replace; it must occur exactly once.", required=True),
            fields.text("new", "What replaces it.", required=True),
        ),
        EditFile,
    ),
    Tool(
        "read_file",
        "Read a text file, or some of its lines.",
        (
            _FILE,
            fields.integer("start", "First line, counted from 1; default: 1."),
            fields.integer("lines", "How many lines; default: all."),
        ),
        ReadFile,
    ),
    Tool(
        "list_files",
        "List a folder.",
        (fields.path("path", "Folder, relative to the workspace; default: the workspace."),),
        ListFiles,
    ),
    Tool(
        "validate",
        "Check the format of a submission without scoring it.",
        (_SUBMISSION,),
        Validate,
        frozenset({"validate", "score"}),
    ),
    Tool(
        "score",
        "Score a submission on the public part of the hidden answers. Calls are budgeted.",
        (_SUBMISSION,),
        Score,
        frozenset({"score"}),
    ),
    Tool("submit", "Hand in the submission. This ends the episode.", (_SUBMISSION,), Submit),
)

TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in _TOOLS}
"""Every tool by its name."""

_CALLS = ("validate", "score", "submit")
TOOL_SETS: Mapping[str, tuple[str, ...]] = {
    "claude": ("bash", _EDITOR, "python", *_CALLS),
    "openai": ("bash", "apply_patch", "python", *_CALLS),
    "bash": ("bash",),
    "mle": ("bash", "python", "write_file", "edit_file", "read_file", "list_files", *_CALLS),
}
"""Which tools a model is offered together. The shell has the three calls as commands, too."""

"""The actions: what an agent may do in one step, their JSON form and their tool schemas.

A string is a shell script. A dict is a tool call, JSON all the way:

>>> parse_action("head -3 data/train.csv")
Shell(command='head -3 data/train.csv', timeout=None)
>>> parse_action({"tool": "read_file", "path": "train.py", "start": 10})
ReadFile(path='train.py', start=10, lines=None)

The union :data:`Action` is the one place that lists the tools. The parser, its error messages, the
schemas that a model sees and the table in the documents all come from its dataclasses, whose names,
types, defaults and descriptions are read once, at import.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from mle_gym.episode.action_fields import ToolField, short
from mle_gym.errors import ActionError
from mle_gym.text import nearest

__all__ = [
    "MAX_TEXT_BYTES",
    "TOOLS",
    "Action",
    "EditFile",
    "ListFiles",
    "RawAction",
    "ReadFile",
    "Score",
    "Shell",
    "Submit",
    "Validate",
    "WriteFile",
    "parse_action",
    "tool_schemas",
]

MAX_TEXT_BYTES = 10 * 2**20
"""The longest text that an action may contain, in bytes of UTF-8 (10 MiB)."""

RawAction = str | dict[str, Any]
"""What ``MLEEnv.step`` accepts: a shell script, or a tool call with its name under ``"tool"``."""


def _field(
    text: str,
    default: Any = dataclasses.MISSING,
    *,
    max_bytes: int = MAX_TEXT_BYTES,
    nul: bool = True,
) -> Any:
    """A dataclass field with its description, its largest size, and whether it may contain NUL."""
    metadata = {"description": text, "max_bytes": max_bytes, "nul": nul}
    return field(default=default, metadata=metadata)


def _path(text: str, default: Any = dataclasses.MISSING) -> Any:
    """A field for a path, with Linux's own limits."""
    return _field(text, default, max_bytes=4096, nul=False)


@dataclass(frozen=True)
class Shell:
    """Run a bash script. Its working directory, variables and functions carry over to the next."""

    tool: ClassVar[str] = "shell"
    command: str = _field("The script.", nul=False)
    timeout: float | None = _field("Seconds after which it is killed; default: what is left.", None)


@dataclass(frozen=True)
class WriteFile:
    """Write a text file, replacing what is there and creating missing folders."""

    tool: ClassVar[str] = "write_file"
    path: str = _path("File, relative to the workspace.")
    content: str = _field("The whole new content.")


@dataclass(frozen=True)
class EditFile:
    """Replace a text that occurs exactly once in a file."""

    tool: ClassVar[str] = "edit_file"
    path: str = _path("File, relative to the workspace.")
    old: str = _field("The text to replace; it must occur exactly once.")
    new: str = _field("What replaces it.")


@dataclass(frozen=True)
class ReadFile:
    """Read a text file, or some of its lines."""

    tool: ClassVar[str] = "read_file"
    path: str = _path("File, relative to the workspace.")
    start: int = _field("First line, counted from 1.", 1)
    lines: int | None = _field("How many lines; default: all.", None)


@dataclass(frozen=True)
class ListFiles:
    """List a folder."""

    tool: ClassVar[str] = "list_files"
    path: str = _path("Folder, relative to the workspace.", ".")


@dataclass(frozen=True)
class Validate:
    """Check the format of a submission without scoring it."""

    tool: ClassVar[Literal["validate"]] = "validate"
    path: str | None = _path("Default: the task's submission file.", None)


@dataclass(frozen=True)
class Score:
    """Score a submission on the public part of the hidden answers. Calls are budgeted."""

    tool: ClassVar[Literal["score"]] = "score"
    path: str | None = _path("Default: the task's submission file.", None)


@dataclass(frozen=True)
class Submit:
    """Hand in the submission. This ends the episode."""

    tool: ClassVar[Literal["submit"]] = "submit"
    path: str | None = _path("Default: the task's submission file.", None)


Action = Shell | WriteFile | EditFile | ReadFile | ListFiles | Validate | Score | Submit
"""A parsed action."""

TOOLS: Mapping[str, type[Action]] = {tool.tool: tool for tool in get_args(Action)}
"""Every tool by its name."""

_FIELDS: Mapping[str, Mapping[str, ToolField]] = {
    name: {each.name: ToolField.of(name, each) for each in dataclasses.fields(tool)}
    for name, tool in TOOLS.items()
}


def parse_action(raw: object) -> Action:
    """Turn what an agent sent into an action.

    Raises:
        ActionError: It is not an action; the message says what was found and what was expected.
    """
    if isinstance(raw, str):
        raw = {"tool": "shell", "command": raw}
    if not isinstance(raw, dict):
        raise ActionError(
            "an action is a string (a shell script) or a dict such as "
            f'{{"tool": "list_files"}}, not {type(raw).__name__}'
        )
    tool = _tool(raw)
    fields = _FIELDS[tool.tool]
    arguments = {name: value for name, value in raw.items() if name != "tool"}
    # Unknown fields are refused, since a misspelt `timeout` would otherwise be ignored silently.
    for name in arguments:
        if name not in fields:
            raise ActionError(f"{tool.tool} has no field {short(name)}{nearest(name, fields)}")
    for name, each in fields.items():
        if name in arguments:
            each.check(arguments[name])
        elif each.required:
            raise ActionError(f"{tool.tool} requires the field {name!r} ({each.type_name})")
    return tool(**arguments)


def tool_schemas() -> list[dict[str, Any]]:
    """The tools in OpenAI's function-calling form, a fresh copy.

    A call that a model makes becomes an action as ``{"tool": name, **arguments}``.
    """
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": tool.__doc__,
                "parameters": {
                    "type": "object",
                    "properties": {field: each.schema() for field, each in _FIELDS[name].items()},
                    "required": [field for field, each in _FIELDS[name].items() if each.required],
                    "additionalProperties": False,
                },
            },
        }
        for name, tool in TOOLS.items()
    ]


def _tool(raw: dict[Any, Any]) -> type[Action]:
    """The tool that a call names."""
    if "tool" not in raw:
        raise ActionError(f"a tool call requires the field 'tool': one of {', '.join(TOOLS)}")
    name = raw["tool"]
    if not isinstance(name, str) or name not in TOOLS:
        raise ActionError(f"no tool is called {short(name)}{nearest(name, TOOLS)}")
    return TOOLS[name]

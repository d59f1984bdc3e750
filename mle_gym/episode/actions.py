"""The actions: what an agent may do in one step, their JSON form and their tool schemas.

A string is a shell script. A dict is a tool call, JSON all the way:

>>> parse_action("head -3 data/train.csv")
Shell(command='head -3 data/train.csv', timeout=None)
>>> parse_action({"tool": "read_file", "path": "train.py", "start": 10})
ReadFile(path='train.py', start=10, lines=None)

The dataclasses below are the one place that says which tools there are: their names, their fields,
what parses and the schemas that a model is shown all come from them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

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
"""The longest text an action may carry, in bytes of UTF-8 (10 MiB). More is refused."""

RawAction = str | dict[str, Any]
"""What ``MLEEnv.step`` takes: a shell script, or a tool call with its name under ``"tool"``."""


def _field(
    text: str,
    default: Any = dataclasses.MISSING,
    *,
    max_bytes: int = MAX_TEXT_BYTES,
    nul: bool = True,
) -> Any:
    """A dataclass field with its description, its size and whether NUL may be in it."""
    metadata = {"description": text, "max_bytes": max_bytes, "nul": nul}
    return field(default=default, metadata=metadata)


def _path(text: str, default: Any = dataclasses.MISSING) -> Any:
    """A field that is a path: what Linux takes as one."""
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

TOOLS: Mapping[str, type[Action]] = {
    tool.tool: tool
    for tool in (Shell, WriteFile, EditFile, ReadFile, ListFiles, Validate, Score, Submit)
}
"""Every tool by its name."""

_LARGEST = 2**53  # beyond, JSON numbers lose digits

_SCHEMAS: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer", "minimum": 1},
    "float": {"type": "number", "exclusiveMinimum": 0},
}
_EXPECTED = {
    "str": "a string",
    "int": "a positive integer",
    "float": "a positive number",
}


def parse_action(raw: object) -> Action:
    """Turn what an agent sent into an action.

    Raises:
        ActionError: It is no action; the message says what was found and what was expected.
    """
    if isinstance(raw, str):
        raw = {"tool": "shell", "command": raw}
    if not isinstance(raw, dict):
        raise ActionError(
            "an action is a string (a shell script) or a dict such as "
            f'{{"tool": "list_files"}}, not {type(raw).__name__}'
        )
    tool = _tool(raw)
    arguments = {name: value for name, value in raw.items() if name != "tool"}
    fields = {each.name: each for each in dataclasses.fields(tool)}
    for name in arguments:
        if name not in fields:
            raise ActionError(f"{tool.tool} has no field {_short(name)}{nearest(name, fields)}")
    for name, each in fields.items():
        if name in arguments:
            _check(tool.tool, each, arguments[name])
        elif each.default is dataclasses.MISSING:
            raise ActionError(f"{tool.tool} needs the field {name!r} ({_type(each)})")
    return tool(**arguments)


def tool_schemas() -> list[dict[str, Any]]:
    """The tools in OpenAI's function-calling form, a fresh copy.

    A call that a model makes becomes an action as ``{"tool": name, **arguments}``.
    """
    return [
        {
            "type": "function",
            "function": {
                "name": tool.tool,
                "description": tool.__doc__,
                "parameters": {
                    "type": "object",
                    "properties": {each.name: _schema(each) for each in dataclasses.fields(tool)},
                    "required": [
                        each.name
                        for each in dataclasses.fields(tool)
                        if each.default is dataclasses.MISSING
                    ],
                    "additionalProperties": False,
                },
            },
        }
        for tool in TOOLS.values()
    ]


def _tool(raw: dict[Any, Any]) -> type[Action]:
    """The tool that a call names."""
    if "tool" not in raw:
        raise ActionError(f"a tool call needs the field 'tool': one of {', '.join(TOOLS)}")
    name = raw["tool"]
    if not isinstance(name, str) or name not in TOOLS:
        raise ActionError(f"no tool is called {_short(name)}{nearest(name, TOOLS)}")
    return TOOLS[name]


def _check(tool: str, each: dataclasses.Field[Any], value: object) -> None:
    """Refuse a value of the wrong type or size, or one that can't reach the sandbox intact."""
    if value is None and each.default is None:
        return
    if not _is_a(_type(each), value):
        raise ActionError(
            f"{tool}: {each.name!r} must be {_EXPECTED[_type(each)]}, not {_short(value)}"
        )
    if isinstance(value, str):
        _check_text(f"{tool}: {each.name!r}", value, **each.metadata)


def _check_text(what: str, text: str, *, max_bytes: int, nul: bool, description: str) -> None:
    """Refuse text that UTF-8 can't carry, that is too long, or that may not hold NUL and does."""
    if len(text) > max_bytes or len(_encoded(what, text)) > max_bytes:
        raise ActionError(f"{what} ({description}) is longer than {max_bytes:,} bytes")
    if not nul and "\0" in text:
        raise ActionError(f"{what} holds a NUL character at position {text.index(chr(0))}")


def _encoded(what: str, text: str) -> bytes:
    """The text as UTF-8, which lone surrogates don't have."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ActionError(f"{what} holds a lone surrogate at position {error.start}") from None


def _is_a(kind: str, value: object) -> bool:
    """Whether a value fits a field's type. A bool is no number."""
    if kind == "str":
        return isinstance(value, str)
    if isinstance(value, bool):
        return False
    if kind == "int":
        return isinstance(value, int) and 1 <= value <= _LARGEST
    return isinstance(value, int | float) and 0 < value <= _LARGEST


def _type(each: dataclasses.Field[Any]) -> str:
    """A field's type without its ``| None``."""
    return str(each.type).removesuffix(" | None")


def _schema(each: dataclasses.Field[Any]) -> dict[str, Any]:
    """One field's JSON schema."""
    schema = {**_SCHEMAS[_type(each)], "description": each.metadata["description"]}
    if each.default not in (dataclasses.MISSING, None):
        schema["default"] = each.default
    return schema


def _short(value: object) -> str:
    """A value for an error message: what it is and how it starts."""
    if isinstance(value, str):
        return repr(value[:60]) + ("…" if len(value) > 60 else "")
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits; a deep nesting
        shown = "…"
    return f"{type(value).__name__} {shown[:60]}"

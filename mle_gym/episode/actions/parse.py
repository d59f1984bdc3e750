"""Reads what an agent sent as an action.

A string is a shell script. A dict is a tool call, JSON all the way, in our form or in one of those
in which models' APIs give calls:

>>> parse_action("head -3 data/train.csv")
Shell(command='head -3 data/train.csv', timeout=None, restart=False)
>>> parse_action({"tool": "read_file", "path": "train.py", "start": 10})
ReadFile(path='train.py', start=10, lines=None)
>>> parse_action({"name": "bash", "arguments": '{"command": "ls", "timeout": "60"}'})
Shell(command='ls', timeout=60, restart=False)

Whatever tools a model was offered, all of them are understood, and so are the names in
:mod:`mle_gym.episode.actions.aliases`.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mle_gym.episode.actions.action import Action, RawAction, Think
from mle_gym.episode.actions.aliases import FIELD_NAMES, PREFIXES, TOOL_NAMES
from mle_gym.episode.actions.fields import short
from mle_gym.episode.actions.tools import TOOLS, Tool
from mle_gym.errors import ActionError
from mle_gym.text import did_you_mean, nearest

__all__ = ["ReadAction", "canonical_call", "parse_action", "parse_tool_call", "read_action"]

_MOST_NOTES = 3
_SHELLS = ("bash", "sh", "/bin/bash", "/bin/sh")


@dataclass(frozen=True)
class ReadAction:
    """An action, and what the agent should know about how it was read."""

    action: Action
    note: str = ""
    """Which fields were ignored; empty if none was."""

    @property
    def is_thought(self) -> bool:
        """Whether it does nothing, and so costs no step."""
        return isinstance(self.action, Think)


def parse_action(raw: object) -> Action:
    """Turn what an agent sent into an action.

    Raises:
        ActionError: It is not an action; the message says what was found and what was expected.
    """
    return read_action(raw).action


def read_action(raw: object) -> ReadAction:
    """Turn what an agent sent into an action, and say what was ignored of it.

    Raises:
        ActionError: As :func:`parse_action`.
    """
    tool, values, ignored = _read(raw)
    return ReadAction(tool.act(**values), _note(tool, ignored))


def canonical_call(raw: object) -> tuple[str, dict[str, Any]]:
    """The name of our tool that an action calls, and its fields by our names, in plain JSON.

    >>> canonical_call({"name": "execute_bash", "arguments": '{"cmd": "ls"}'})
    ('bash', {'command': 'ls'})

    Raises:
        ActionError: As :func:`parse_action`.
    """
    tool, values, _ = _read(raw)
    tool.act(**values)
    return tool.name, json.loads(json.dumps(values))


def _read(raw: object) -> tuple[Tool, dict[str, Any], list[Any]]:
    """The tool that an action calls, its checked values, and the fields that it doesn't have."""
    if isinstance(raw, str):
        return TOOLS["bash"], _values(TOOLS["bash"], {"command": raw}), []
    if not isinstance(raw, dict):
        raise ActionError(
            "an action is a string (a shell script) or a dict such as "
            f'{{"tool": "list_files"}}, not {type(raw).__name__}'
        )
    name, given = _name_and_arguments(raw)
    tool = _tool(name)
    if not isinstance(given, dict):
        given = _arguments(tool, given)
    named = _by_our_names(tool, given)
    known = {field.name for field in tool.fields}
    values = _values(tool, {field: value for field, value in named.items() if field in known})
    return tool, values, [field for field in named if field not in known]


def parse_tool_call(name: str, arguments: str | Mapping[str, Any]) -> RawAction:
    """The action for ``env.step`` that a model's tool call stands for.

    Args:
        name: The tool's name, as the model wrote it.
        arguments: JSON, as the model wrote it, or what it contains. What is no JSON goes to the
            environment as it is, whose observation then says what was wrong.
    """
    return {"name": name, "arguments": arguments if isinstance(arguments, str) else dict(arguments)}


def _name_and_arguments(raw: dict[Any, Any]) -> tuple[object, Any]:
    """A call's tool and its arguments, whichever API's form it has."""
    if "tool" in raw:
        return raw["tool"], {name: value for name, value in raw.items() if name != "tool"}
    if isinstance(raw.get("function"), dict):  # of chat completions
        raw = raw["function"]
    if "name" not in raw:
        raise ActionError(f"a tool call requires the field 'tool': one of {', '.join(TOOLS)}")
    for arguments in ("arguments", "input", "parameters"):
        if arguments in raw:
            return raw["name"], raw[arguments]
    return raw["name"], {}


def _tool(name: object) -> Tool:
    """The tool that a call names."""
    found = name if isinstance(name, str) else ""
    for prefix in PREFIXES:
        found = found.removeprefix(prefix)
    found = found if found in TOOLS else TOOL_NAMES.get(found.lower(), found.lower())
    if found not in TOOLS:
        raise ActionError(f"no tool is called {short(name)}{nearest(str(name), TOOLS)}")
    return TOOLS[found]


def _arguments(tool: Tool, given: object) -> dict[Any, Any]:
    """The arguments that a model wrote as JSON, or as the bare text of a tool's first field."""
    if given is None or given == "":
        return {}
    if not isinstance(given, str):
        raise ActionError(f"{tool.name}: the arguments must be an object, not {short(given)}")
    try:
        found = json.loads(given)
    except (ValueError, RecursionError) as error:
        if not given.lstrip().startswith("{") and tool.fields[0].required:
            return {tool.fields[0].name: given}
        raise ActionError(f"{tool.name}: the arguments are no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ActionError(f"{tool.name}: the arguments must be an object, not {short(found)}")
    return found


def _by_our_names(tool: Tool, given: dict[Any, Any]) -> dict[Any, Any]:
    """The arguments with fields' other names replaced; our own names win."""
    ours = FIELD_NAMES.get(tool.name, {})
    own = {field.name for field in tool.fields}
    named = {name: value for name, value in given.items() if name in own}
    for name, value in given.items():
        if name not in own:
            better = ours.get(name, name) if isinstance(name, str) else name
            named.setdefault(better, value)
    if tool.name == "bash" and isinstance(named.get("command"), list):
        named["command"] = _script(named["command"])
    return named


def _script(words: list[Any]) -> Any:
    """The script that a command in words stands for: ``["bash", "-lc", "ls"]``."""
    if not all(isinstance(word, str) for word in words):
        return words
    if len(words) == 3 and words[0] in _SHELLS and words[1] in ("-c", "-lc"):
        return words[2]
    return shlex.join(words)


def _values(tool: Tool, given: Mapping[str, Any]) -> dict[str, Any]:
    """The checked values, without those that are left to their defaults."""
    values = {}
    restarts = given.get("restart") is True
    for field in tool.fields:
        if field.name in given:
            value = field.value(tool.name, given[field.name])
            if value is not None:
                values[field.name] = value
        elif field.required and not restarts:
            raise ActionError(f"{tool.name} requires the field {field.name!r} ({field.expected})")
    return values


def _note(tool: Tool, ignored: list[Any]) -> str:
    """What an observation says of unknown fields: a misspelt ``timeout`` must not go unnoticed."""
    if not ignored:
        return ""
    names = [field.name for field in tool.fields]
    shown = "; ".join(f"{short(name)}{did_you_mean(name, names)}" for name in ignored[:_MOST_NOTES])
    more = f" and {len(ignored) - _MOST_NOTES} more" if len(ignored) > _MOST_NOTES else ""
    return f"[ignored, since {tool.name} has no such field: {shown}{more}]\n"

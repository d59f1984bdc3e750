from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_gym.episode.parse_action import (
    MAX_TEXT_BYTES,
    TOOLS,
    EditFile,
    ListFiles,
    ReadFile,
    Score,
    Shell,
    Submit,
    Validate,
    WriteFile,
    parse_action,
    tool_schemas,
)
from mle_gym.errors import ActionError

PARSED = [
    ("ls -la", Shell("ls -la")),
    ("", Shell("")),
    ({"tool": "shell", "command": "ls"}, Shell("ls")),
    ({"tool": "shell", "command": "ls", "timeout": 5}, Shell("ls", 5)),
    ({"tool": "shell", "command": "ls", "timeout": None}, Shell("ls", None)),
    ({"tool": "write_file", "path": "a", "content": "x\0y"}, WriteFile("a", "x\0y")),
    ({"tool": "edit_file", "path": "a", "old": "x", "new": ""}, EditFile("a", "x", "")),
    ({"tool": "read_file", "path": "a"}, ReadFile("a", 1, None)),
    ({"tool": "read_file", "path": "a", "start": 3, "lines": 2}, ReadFile("a", 3, 2)),
    ({"tool": "list_files"}, ListFiles(".")),
    ({"tool": "validate"}, Validate(None)),
    ({"tool": "score", "path": "b.csv"}, Score("b.csv")),
    ({"tool": "submit"}, Submit(None)),
]

REFUSED: list[tuple[Any, str]] = [
    (None, "a string .* or a dict .* not NoneType"),
    (7, "not int"),
    (["ls"], "not list"),
    ({}, "requires the field 'tool': one of shell, write_file"),
    ({"tool": None}, "no tool is called NoneType None"),
    ({"tool": "writefile"}, "no tool is called 'writefile'; did you mean 'write_file'"),
    ({"tool": "zzz"}, "known: edit_file, list_files"),
    ({"tool": ["shell"]}, "no tool is called list"),
    ({"tool": "shell"}, r"shell requires the field 'command' \(str\)"),
    ({"tool": "shell", "command": 3}, "'command' must be a string, not int 3"),
    ({"tool": "shell", "command": "ls", "timeout": "5"}, "'timeout' must be a positive number"),
    ({"tool": "shell", "command": "ls", "timeout": 0}, "must be a positive number"),
    ({"tool": "shell", "command": "ls", "timeout": float("nan")}, "must be a positive number"),
    ({"tool": "shell", "command": "ls", "timeout": float("inf")}, "must be a positive number"),
    ({"tool": "shell", "command": "ls", "timeout": True}, "must be a positive number"),
    ({"tool": "shell", "command": "ls", "timout": 5}, "no field 'timout'; did you mean 'timeout'"),
    ({"tool": "read_file", "path": "a", "start": 0}, "'start' must be a positive integer"),
    ({"tool": "read_file", "path": "a", "start": 1.0}, "'start' must be a positive integer"),
    ({"tool": "read_file", "path": "a", "lines": 10**6000}, "'lines' must be a positive integer"),
    ({"tool": "read_file", "path": None}, "'path' must be a string, not NoneType"),
    ({"tool": "list_files", 3: 4}, "no field int 3"),
    ("nul \0 byte", "NUL character at position 4"),
    ({"tool": "read_file", "path": "a\0"}, "NUL character at position 1"),
    ("lone \ud800", "lone surrogate at position 5"),
    (
        {"tool": "write_file", "path": "a", "content": "\udc80"},
        "'content' contains a lone surrogate",
    ),
    ("x" * (MAX_TEXT_BYTES + 1), "longer than 10,485,760 bytes"),
    ("é" * (MAX_TEXT_BYTES // 2 + 1), "longer than 10,485,760 bytes"),
    ({"tool": "read_file", "path": "x" * 5000}, "longer than 4,096 bytes"),
]


@pytest.mark.parametrize(("raw", "action"), PARSED)
def test_well_formed_actions_parse(raw: Any, action: object) -> None:
    assert parse_action(raw) == action


@pytest.mark.parametrize(("raw", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_malformed_actions_say_what_is_wrong(raw: object, message: str) -> None:
    with pytest.raises(ActionError, match=message) as caught:
        parse_action(raw)
    assert len(str(caught.value)) < 300


def test_a_ten_megabyte_command_is_an_action() -> None:
    command = "#" * 10_000_000
    assert parse_action(command) == Shell(command)


def test_an_action_is_not_changed_by_parsing() -> None:
    raw = {"tool": "read_file", "path": "a", "lines": 2}
    parse_action(raw)
    assert raw == {"tool": "read_file", "path": "a", "lines": 2}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
tool_calls = st.dictionaries(
    st.sampled_from(["tool", "path", "command", "content", "old", "new", "start", "lines"]),
    st.sampled_from([*TOOLS, "a.py", 1, 2.5, None]) | json_values,
)


@given(json_values | tool_calls | st.binary())
def test_anything_either_parses_or_is_an_action_error(raw: object) -> None:
    try:
        action = parse_action(raw)
    except ActionError as error:
        str(error).encode()
    else:
        assert type(action) in TOOLS.values()


def test_schemas_are_json_and_name_every_tool() -> None:
    schemas = json.loads(json.dumps(tool_schemas()))
    assert [schema["function"]["name"] for schema in schemas] == list(TOOLS)
    assert all(schema["type"] == "function" for schema in schemas)


@pytest.mark.parametrize("schema", tool_schemas(), ids=lambda schema: schema["function"]["name"])
def test_what_a_schema_allows_parses(schema: dict[str, Any]) -> None:
    examples = {"string": "x", "integer": 2, "number": 1.5}
    function = schema["function"]
    properties = function["parameters"]["properties"]
    everything = {name: examples[field["type"]] for name, field in properties.items()}
    required = {name: everything[name] for name in function["parameters"]["required"]}
    assert function["description"]
    assert all(field["description"] for field in properties.values())
    for arguments in (everything, required):
        assert parse_action({"tool": function["name"], **arguments})
    for name in required:
        lacking = {key: value for key, value in required.items() if key != name}
        with pytest.raises(ActionError, match=re.escape(repr(name))):
            parse_action({"tool": function["name"], **lacking})


def test_schemas_are_fresh_copies() -> None:
    tool_schemas()[0]["function"].clear()
    assert tool_schemas()[0]["function"]["name"] == "shell"

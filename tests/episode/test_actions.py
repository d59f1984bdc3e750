from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from mle_gym.episode.actions.fields import MAX_TEXT_BYTES
from mle_gym.episode.actions.parse import parse_action, parse_tool_call, read_action
from mle_gym.episode.actions.schemas import tool_schemas
from mle_gym.episode.actions.tools import TOOL_SETS, TOOLS
from mle_gym.errors import ActionError

EDITOR = "str_replace_based_edit_tool"

PARSED: list[tuple[Any, object]] = [
    ("ls -la", Shell("ls -la")),
    ("", Shell("")),
    ({"tool": "shell", "command": "ls"}, Shell("ls")),
    ({"tool": "shell", "command": "ls", "timeout": 5}, Shell("ls", 5)),
    ({"tool": "shell", "command": "ls", "timeout": None}, Shell("ls", None)),
    ({"tool": "write_file", "path": "a", "content": "x\0y"}, WriteFile("a", "x\0y")),
    ({"tool": "edit_file", "path": "a", "old": "x", "new": ""}, EditFile("a", "x", "")),
    ({"tool": "read_file", "path": "a"}, ReadFile("a", 1, None)),
    ({"tool": "read_file", "path": "a", "start": 3, "lines": 2}, ReadFile("a", 3, 2)),
    ({"tool": "read_file", "path": "a", "start": "3", "lines": None}, ReadFile("a", 3, None)),
    ({"tool": "list_files"}, ListFiles(".")),
    ({"tool": "bash", "command": "ls", "timeout": "60"}, Shell("ls", 60)),
    ({"tool": "bash", "restart": True}, Shell("", restart=True)),
    ({"tool": "bash", "command": "ls", "restart": "false"}, Shell("ls")),
    ({"tool": EDITOR, "command": "view", "path": "a"}, View("a")),
    ({"tool": EDITOR, "command": "view", "path": "a", "view_range": [3, 5]}, View("a", 3, 3)),
    ({"tool": EDITOR, "command": "view", "path": "a", "view_range": "[3, -1]"}, View("a", 3)),
    ({"tool": EDITOR, "command": "create", "path": "a", "file_text": "x"}, WriteFile("a", "x")),
    (
        {"tool": EDITOR, "command": "str_replace", "path": "a", "old_str": "x", "new_str": "y"},
        EditFile("a", "x", "y"),
    ),
    (
        {"tool": EDITOR, "command": "str_replace", "path": "a", "old_str": "x"},
        EditFile("a", "x", ""),
    ),
    (
        {"tool": EDITOR, "command": "insert", "path": "a", "insert_line": 0, "insert_text": "x"},
        InsertText("a", 0, "x"),
    ),
    (
        {"tool": EDITOR, "command": "insert", "path": "a", "insert_line": 2, "new_str": "x"},
        InsertText("a", 2, "x"),
    ),
    ({"tool": "python", "code": "1 + 1"}, Cell("1 + 1")),
    ({"tool": "python", "code": "1", "timeout": "60"}, Cell("1", 60)),
    ({"tool": "python", "restart": True}, Cell("", restart=True)),
    ({"tool": "apply_patch", "input": "*** Begin Patch"}, ApplyPatch("*** Begin Patch")),
    ({"tool": "think", "thought": "hm"}, Think()),
    ({"tool": "validate"}, Validate(None)),
    ({"tool": "score", "path": "b.csv"}, Score("b.csv")),
    ({"tool": "submit"}, Submit(None)),
]

FOREIGN: list[tuple[Any, object]] = [
    ({"name": "bash", "arguments": '{"command": "ls"}'}, Shell("ls")),
    ({"name": "bash", "arguments": {"command": "ls"}}, Shell("ls")),
    ({"type": "tool_use", "name": "bash", "input": {"command": "ls"}}, Shell("ls")),
    (
        {
            "id": "1",
            "type": "function",
            "function": {"name": "bash", "arguments": '{"command": "ls"}'},
        },
        Shell("ls"),
    ),
    (
        {"type": "function_call", "call_id": "1", "name": "submit", "arguments": "{}"},
        Submit(None),
    ),
    ({"type": "custom_tool_call", "name": "apply_patch", "input": "*** B"}, ApplyPatch("*** B")),
    ({"name": "functions.bash", "arguments": {"command": "ls"}}, Shell("ls")),
    ({"name": "shell", "arguments": {"command": ["bash", "-lc", "ls -l"]}}, Shell("ls -l")),
    ({"name": "shell", "arguments": {"command": ["echo", "a b"]}}, Shell("echo 'a b'")),
    ({"name": "execute_bash", "arguments": {"command": "ls"}}, Shell("ls")),
    ({"name": "Bash", "arguments": {"command": "ls", "description": "List"}}, Shell("ls")),
    ({"name": "run_shell_command", "arguments": {"cmd": "ls"}}, Shell("ls")),
    ({"name": "execute_ipython_cell", "arguments": {"source": "1"}}, Cell("1")),
    ({"name": "execute_python", "arguments": '{"code": "1"}'}, Cell("1")),
    ({"name": "IPython", "arguments": "print(1)"}, Cell("print(1)")),
    ({"name": "Write", "arguments": {"file_path": "a", "content": "x"}}, WriteFile("a", "x")),
    (
        {"name": "Read", "arguments": {"file_path": "a", "offset": 2, "limit": 5}},
        ReadFile("a", 2, 5),
    ),
    (
        {"name": "Edit", "arguments": {"file_path": "a", "old_string": "x", "new_string": "y"}},
        EditFile("a", "x", "y"),
    ),
    ({"name": "LS", "arguments": {"path": "data"}}, ListFiles("data")),
    ({"name": "str_replace_editor", "arguments": {"command": "view", "path": "a"}}, View("a")),
    ({"name": "finish", "arguments": {"message": "done"}}, Submit(None)),
    ({"name": "submit", "arguments": ""}, Submit(None)),
    ({"name": "submit", "arguments": None}, Submit(None)),
    ({"name": "submit", "arguments": {"path": None}}, Submit(None)),
]

REFUSED: list[tuple[Any, str]] = [
    (None, "a string .* or a dict .* not NoneType"),
    (7, "not int"),
    (["ls"], "not list"),
    ({}, "requires the field 'tool': one of bash, python, str_replace"),
    ({"tool": None}, "no tool is called NoneType None"),
    ({"tool": "writefile"}, "no tool is called 'writefile'; did you mean 'write_file'"),
    ({"tool": "zzz"}, "known: apply_patch, bash"),
    ({"tool": ["shell"]}, "no tool is called list"),
    ({"tool": "shell"}, r"bash requires the field 'command' \(a string\)"),
    ({"tool": "shell", "command": 3}, "'command' must be a string, not int 3"),
    ({"tool": "shell", "command": "ls", "timeout": "5 s"}, "'timeout' must be a positive number"),
    ({"tool": "shell", "command": "ls", "timeout": 0}, "must be a positive number"),
    ({"tool": "shell", "command": "ls", "timeout": float("nan")}, "must be a positive number"),
    ({"tool": "shell", "command": "ls", "timeout": float("inf")}, "must be a positive number"),
    ({"tool": "shell", "command": "ls", "timeout": True}, "must be a positive number"),
    ({"tool": "read_file", "path": "a", "start": 0}, "'start' must be a positive integer"),
    ({"tool": "read_file", "path": "a", "start": 1.0}, "'start' must be a positive integer"),
    ({"tool": "read_file", "path": "a", "lines": 10**6000}, "'lines' must be a positive integer"),
    ({"tool": "read_file", "path": None}, "'path' must be a string, not NoneType"),
    (
        {"tool": EDITOR, "command": "undo_edit", "path": "a"},
        "'command' must be one of view, create",
    ),
    ({"tool": EDITOR, "command": "create", "path": "a"}, "create requires the field 'file_text'"),
    ({"tool": EDITOR, "command": "insert", "path": "a", "insert_line": 1}, "field 'insert_text'"),
    ({"tool": EDITOR, "command": "view", "path": "a", "view_range": [0, 4]}, "two line numbers"),
    ({"tool": EDITOR, "command": "view", "path": "a", "view_range": "x"}, "two line numbers"),
    ({"name": "bash", "arguments": '{"command": "ls'}, "the arguments are no JSON"),
    ({"name": "bash", "arguments": "[1]"}, "must be an object"),
    ({"name": "bash", "arguments": 7}, "must be an object"),
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


@pytest.mark.parametrize(("raw", "action"), FOREIGN)
def test_calls_of_other_scaffolds_are_understood(raw: Any, action: object) -> None:
    assert parse_action(raw) == action


def test_a_models_call_becomes_an_action() -> None:
    assert parse_action(parse_tool_call("bash", '{"command": "ls"}')) == Shell("ls")
    assert parse_action(parse_tool_call("bash", {"command": "ls"})) == Shell("ls")
    with pytest.raises(ActionError, match="no JSON"):
        parse_action(parse_tool_call("bash", '{"command": "ls'))


def test_unknown_fields_are_ignored_and_named() -> None:
    read = read_action({"tool": "bash", "command": "ls", "timout": 5, "cwd": "/"})
    assert read.action == Shell("ls")
    assert read.note == (
        "[ignored, since bash has no such field: 'timout'; did you mean 'timeout'?; 'cwd']\n"
    )
    assert read_action({"tool": "list_files", 3: 4}).note.endswith("int 3]\n")


def test_our_own_name_of_a_field_wins() -> None:
    raw = {"tool": "write_file", "path": "a", "file_path": "b", "content": "x"}
    assert parse_action(raw) == WriteFile("a", "x")


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
        assert isinstance(action, Action)


@pytest.mark.parametrize("tools", TOOL_SETS)
@pytest.mark.parametrize("strict", [False, True])
def test_what_a_schema_allows_parses(tools: Any, strict: bool) -> None:
    for schema in json.loads(json.dumps(tool_schemas(None, tools, strict=strict))):
        function = schema["function"]
        parameters = function["parameters"]
        properties = parameters["properties"]
        assert schema["type"] == "function"
        assert function["description"]
        assert all(field["description"] for field in properties.values())
        for arguments in examples(properties, parameters["required"]):
            assert parse_action({"name": function["name"], "arguments": arguments})
        for name in TOOLS[function["name"]].fields:
            if name.required:
                lacking = {k: v for k, v in arguments.items() if k != name.name}
                with pytest.raises(ActionError, match=re.escape(repr(name.name))):
                    parse_action({"name": function["name"], "arguments": lacking})


def examples(properties: dict[str, Any], required: list[str]) -> list[dict[str, Any]]:
    """Calls with all fields, with null for those that may be, and without those that may be."""
    values = {"string": "x", "integer": 2, "number": 1.5, "boolean": False, "array": [1, 2]}
    whole, nulls = {}, {}
    for name, field in properties.items():
        kind = field["type"]
        nullable = isinstance(kind, list)
        whole[name] = field["enum"][0] if "enum" in field else values[kind[0] if nullable else kind]
        nulls[name] = None if nullable else whole[name]
    return [{name: whole[name] for name in required}, nulls, whole]


@pytest.mark.parametrize("tools", TOOL_SETS)
def test_strict_schemas_have_the_form_that_strict_mode_demands(tools: Any) -> None:
    for schema in tool_schemas(None, tools, strict=True):
        function = schema["function"]
        parameters = function["parameters"]
        assert function["strict"] is True
        assert parameters["additionalProperties"] is False
        assert parameters["required"] == list(parameters["properties"])
        assert not any("default" in field for field in parameters["properties"].values())


def test_an_unknown_set_of_tools_is_refused() -> None:
    with pytest.raises(ValueError, match="no set of tools is called 'gpt'; known: bash"):
        tool_schemas(None, "gpt")  # type: ignore[arg-type]


def test_schemas_are_fresh_copies() -> None:
    tool_schemas()[0]["function"].clear()
    assert tool_schemas()[0]["function"]["name"] == "bash"

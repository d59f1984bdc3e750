"""Errors of commands: their exit codes, and with ``--json`` one shape for all of them."""

from __future__ import annotations

import sys

import pytest

from mle_gym.cli.app import COMMANDS, load_command
from tests.cli.conftest import Command

WITH_JSON = [
    name
    for lines in COMMANDS.values()
    for name in lines
    if any("--json" in option.opts for option in load_command(name).params)
]
"""Commands that have the option."""
OF_EXTRAS = ("mle_gym.integrations.", "mle_gym.evaluation.ray_engine")
"""Modules that require extras, and that may be imported already."""


def test_most_commands_have_json() -> None:
    assert {"run", "eval", "verify", "leaderboard", "grade", "doctor"} <= set(WITH_JSON)


@pytest.mark.parametrize("name", WITH_JSON)
def test_an_option_that_does_not_exist_is_told_in_json(command: Command, name: str) -> None:
    result = command(name, "--json", "--no-such-option")
    error = result.json["error"]
    assert error.keys() == {"type", "message", "notes", "exit_code"}
    assert (result.code, error["exit_code"]) == (2, 2)
    assert "--no-such-option" in error["message"]
    assert "--no-such-option" in result.err  # for people, as without --json


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        (["show", "titanik"], "TaskError", 2),
        (["verify", "nowhere.jsonl"], "FileNotFoundError", 2),
        (["health", "nowhere"], None, 2),
        (["grade", "titanic", "nowhere.csv"], "FileNotFoundError", 2),
        (["compare", "here", "there"], None, 2),
        (["leaderboard", "nowhere"], "UsageError", 2),
        (["report", "nowhere"], "UsageError", 2),
        (["doctor", "no-backend"], "UsageError", 2),
        (["eval"], "UsageError", 2),
    ],
)
def test_a_mistake_is_told_in_json_with_its_exit_code(
    command: Command, words: list[str], kind: str | None, code: int
) -> None:
    result = command(*words, "--json")
    error = result.json["error"]
    assert (result.code, error["exit_code"]) == (code, code)
    assert kind in (None, error["type"])
    assert error["message"].split()[0] in result.err
    plain = command(*words)
    assert (plain.code, plain.out) == (code, "")


@pytest.mark.parametrize("name", ["run", "prepare", "eval"])
def test_flags_are_shown_as_flags(command: Command, name: str) -> None:
    lines = command(name, "--help").out.splitlines()
    for flag in ("--json", "--help"):
        (line,) = (line for line in lines if f" {flag} " in line and "│" in line)
        assert "bool" not in line.lower()
        assert "--no-" not in line


@pytest.mark.parametrize(
    ("words", "package", "extra"),
    [
        (["serve"], "prometheus_client", "openenv"),
        (["mcp", "titanic"], "mcp", "mcp"),
        (["eval", "-a", "random", "-t", "titanic", "--engine", "ray"], "ray", "ray"),
    ],
)
def test_a_package_that_is_not_installed_is_something_that_the_machine_lacks(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: list[str], package: str, extra: str
) -> None:
    for name in [each for each in sys.modules if each.startswith(OF_EXTRAS)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    result = command(*words)
    assert result.code == 3
    assert f"requires {package}: pip install 'mle-gym[{extra}]'" in " ".join(result.err.split())

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from tests.cli.conftest import Command

COMMANDS = [
    "list", "show", "prepare", "run", "play", "replay", "verify", "audit", "grade", "validate",
    "new-task", "validate-task", "doctor", "image",
]  # fmt: skip
HEAVY = {"pandas", "sklearn", "docker", "scipy"}


def test_help_names_every_command(command: Command) -> None:
    result = command("--help")
    assert result.code == 0
    for name in COMMANDS:
        assert f" {name} " in result.out


def test_help_explains_the_exit_codes(command: Command) -> None:
    assert "Exit codes" in command("--help").out


@pytest.mark.parametrize(
    "name",
    [
        "run",
        "play",
        "replay",
        "verify",
        "audit",
        "grade",
        "prepare",
        "new-task",
        "validate-task",
        "doctor",
    ],
)
def test_help_of_a_command_shows_an_example(command: Command, name: str) -> None:
    result = command(name, "--help")
    assert result.code == 0
    assert f"  mle-gym {name} " in result.out or f"  mle-gym {name}\n" in result.out


def test_no_command_shows_the_help(command: Command) -> None:
    result = command()
    assert "Examples" in result.out
    assert "validate-task" in result.out


def test_version(command: Command) -> None:
    assert command("--version").out == version("mle-gym") + "\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_the_names_of_commands(shell: str) -> None:
    program = [sys.executable, "-m", "mle_gym"]
    typed = {
        "_MLE_GYM_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "mle-gym validate-",
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_ARGS": "mle-gym validate-",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    result = subprocess.run(program, env=os.environ | typed, capture_output=True, text=True)
    assert "validate-task" in result.stdout
    assert "replay" not in result.stdout


def test_an_unknown_command_is_a_usage_error(command: Command) -> None:
    result = command("rnu")
    assert result.code == 2
    assert "rnu" in result.err


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from mle_gym.cli import main\n"
        "try:\n"
        "    main(['run', '--help'])\n"
        "finally:\n"
        f"    print('loaded:', *({HEAVY!r} & sys.modules.keys()), file=sys.stderr)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0
    assert result.stderr == "loaded:\n"

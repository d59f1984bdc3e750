from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from mle_gym.cli.app import COMMANDS, load_command
from tests.cli.conftest import Command
from tests.tiers import few_quick

NAMES = [
    "list", "show", "prepare", "run", "play", "replay", "verify", "audit",
    "export-trajectories", "health", "grade", "validate", "new-task", "validate-task",
    "doctor", "image", "serve", "mcp",
]  # fmt: skip
LINES = {name: text for lines in COMMANDS.values() for name, (_, text) in lines.items()}
MODULES = {f"mle_gym.cli.{module}" for lines in COMMANDS.values() for module, _ in lines.values()}
HEAVY = {"pandas", "sklearn", "docker", "scipy", "openai"}


def test_help_names_every_command(command: Command) -> None:
    result = command("--help")
    assert result.code == 0
    for name in NAMES:
        assert f" {name} " in result.out


@pytest.mark.parametrize("name", LINES)
def test_the_overview_says_of_a_command_what_its_own_help_opens_with(name: str) -> None:
    loaded = load_command(name)
    assert loaded.name == name
    assert " ".join(loaded.help.split("\n\n")[0].split()) == LINES[name]


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
        "export-trajectories",
        "health",
        "grade",
        "prepare",
        "new-task",
        "validate-task",
        "doctor",
        "serve",
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
@pytest.mark.slow("it starts the command line in new processes")
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


@pytest.mark.parametrize(
    ("words", "unwanted"),
    few_quick(
        [
            (["--help"], HEAVY | MODULES),
            *(
                ([name, "--help"], HEAVY)
                for name in ("run", "grade", "validate", "verify", "audit")
            ),
        ],
        lambda case: len(case[0]) == 1 or case[0][0] == "run",
        "each is a process of its own",
    ),
)
def test_help_loads_nothing_heavy(words: list[str], unwanted: set[str]) -> None:
    program = (
        "import sys\n"
        "from mle_gym.cli import main\n"
        "try:\n"
        f"    main({words!r})\n"
        "finally:\n"
        f"    print('loaded:', *({unwanted!r} & sys.modules.keys()), file=sys.stderr)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0
    assert result.stderr == "loaded:\n"


@pytest.mark.parametrize("name", LINES)
def test_examples_fit_into_80_columns(name: str) -> None:
    known = load_command(name)
    for command in (known, *getattr(known, "commands", {}).values()):
        lines = (command.epilog or "").splitlines()
        assert [line for line in lines if line.startswith("  ") and len(line) > 78] == []

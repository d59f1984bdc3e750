"""What reaches the terminal, from any source and for any reader."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.text import Text

from mle_gym.clean_console import CleanConsole
from mle_gym.cli.console import ADVICE, ExitCode, explain
from mle_gym.cli.run_play_replay import _new_path
from tests.cli.conftest import Command

NASTY = "x\x1b]0;TITLE\x1b\\\x1b[2J\x1b]52;c;Y2xpcA==\x1b\\\u009b31m\u202e[red]y[/red]:smile:\x07"


def mle_gym(*words: str | Path, **variables: str) -> subprocess.Popen[bytes]:
    """The program in a separate process."""
    command = [sys.executable, "-m", "mle_gym", *map(str, words)]
    env = {**os.environ, **variables}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)


@pytest.mark.parametrize("wrapped", [str, Text])
def test_the_console_shows_text_as_text(
    wrapped: type[str] | type[Text], capsys: pytest.CaptureFixture[str]
) -> None:
    CleanConsole(force_terminal=True, width=200).print(wrapped(NASTY), style="red")
    shown = capsys.readouterr().out.strip()
    assert shown == "\x1b[31mx\ufffd[red]y[/red]:smile:\x1b[0m"


@pytest.mark.slow("it runs every command")
def test_nothing_from_a_task_folder_reaches_the_terminal_raw(command: Command, coins: Path) -> None:
    file = coins / "task.toml"
    title = json.dumps(NASTY)
    file.write_text(file.read_text().replace('"Coins"', title))
    (coins / "description.md").write_text(f"{NASTY} [link](http://x/\x1b[2J)\n")
    for words in (["show", coins], ["validate-task", coins], ["show", coins, "--json"]):
        result = command(*words)
        assert result.code != 70
        assert not {"\x1b", "\x07", "\u009b", "\u202e"} & set(result.out + result.err)
    assert "[red]y[/red]" in command("show", coins).out


@pytest.mark.filterwarnings("default:this task is left out")
def test_nothing_from_a_folder_name_reaches_the_terminal_raw(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tasks" / "\x1b[2J\udcff[red]"
    folder.mkdir(parents=True)
    (folder / "task.toml").write_text("id = 3\n")
    monkeypatch.setenv("MLE_GYM_PATH", str(folder.parent))
    result = command("list")
    assert result.code == 0
    assert "\x1b" not in result.err
    assert "[red]" in result.err


@pytest.mark.slow("it starts the command line many times")
def test_a_reader_that_goes_away_changes_no_exit_code() -> None:
    for words in (["list"], ["list", "--json"], ["--version"]):
        process = mle_gym(*words)
        assert process.stdout is not None
        process.stdout.close()
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0
        assert b"Broken" not in errors


@pytest.mark.slow("it starts the command line in new processes")
def test_a_stream_that_is_closed_from_the_start_changes_no_exit_code() -> None:
    program = f"{sys.executable} -m mle_gym"
    for words, code in (("show titanic >&-", 0), ("list --json <&- >&-", 0), ("show nope >&-", 2)):
        done = subprocess.run(["sh", "-c", f"{program} {words}"], capture_output=True, timeout=60)
        assert done.returncode == code
        assert b"Traceback" not in done.stderr


def test_a_folder_of_tasks_that_is_missing_is_said_once_in_one_line() -> None:
    process = mle_gym("list", MLE_GYM_PATH="/no/such/place")
    _, errors = process.communicate(timeout=60)
    assert errors.count(b"expected folders, found '/no/such/place'") == 1
    assert errors.startswith(b"warning: MLE_GYM_PATH: ")


@pytest.mark.slow("it starts the command line in new processes")
def test_an_encoding_without_our_signs_is_not_an_error() -> None:
    for words in (["list"], ["show", "titanic", "--json"], ["show", "titänic"]):
        process = mle_gym(*words, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        out, errors = process.communicate(timeout=60)
        assert process.returncode == (2 if "titänic" in words else 0)
        assert b"Traceback" not in errors
        assert (out + errors).isascii()
        if "--json" in words:
            assert json.loads(out)["id"] == "titanic"


@pytest.mark.parametrize("name", ADVICE)
def test_an_error_of_the_system_says_what_to_do(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    number = getattr(errno, name)
    code = explain(OSError(number, os.strerror(number), "/some/file"))
    assert code in (ExitCode.ENVIRONMENT, ExitCode.USAGE)
    said = " ".join(capsys.readouterr().err.split())
    assert said == f"error: /some/file: {os.strerror(number)}; {ADVICE[name]}"


def test_two_runs_in_one_second_have_files_of_their_own() -> None:
    assert len({_new_path("zoo", "solution") for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "address",
    [
        "https://www.kaggle.com/c/spooky-author-identification",
        "https://www.kaggle.com/competitions/spooky-author-identification/overview?x=1#y",
        "kaggle.com/competitions/Spooky-Author-Identification",
    ],
)
def test_the_address_of_a_competition_is_its_name(command: Command, address: str) -> None:
    assert command("show", address, "--json").json["id"] == "spooky-author-identification"
    unknown = command("show", "https://www.kaggle.com/c/no-such-one")
    assert (unknown.code, "unknown task 'no-such-one'" in unknown.err) == (2, True)


def test_an_agents_exception_is_shown_with_its_own_line_and_the_trajectory(
    command: Command, coins: Path
) -> None:
    program = """
class Agent:
    def reset(self, observation, info): self.steps = 0
    def act(self, observation, info):
        self.steps += 1
        return "true" if self.steps < 2 else {}["missing"]
"""
    Path("mine.py").write_text(program)
    result = command("run", coins, "--agent", "mine.py")
    assert result.code == 70
    assert "KeyError: 'missing'" in result.err
    assert "mine.py:6" in result.err
    (kept,) = Path("runs").glob("*.jsonl")
    assert f"the steps so far are in {kept}" in result.err
    assert result.err.count("the steps so far") == 1

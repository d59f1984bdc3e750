"""``mle-gym play`` in a real terminal, with a real sandbox."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mle_gym.trajectories.trajectory import Trajectory
from tests.terminal import Terminal

pytestmark = [
    pytest.mark.usefixtures("sandbox"),
    pytest.mark.slow("each starts the command line in a terminal"),
]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "played.jsonl"


@pytest.fixture
def terminal(coins: Path, record: Path) -> Iterator[Terminal]:
    words = ["play", str(coins), "--out", str(record)]
    program = [sys.executable, "-m", "mle_gym", *words]
    with contextlib.closing(Terminal(*program, columns=80)) as terminal:
        terminal.wait_for("left] $ ", seconds=400)
        yield terminal


def actions(record: Path) -> list[object]:
    return [step.action for step in Trajectory.read(record).steps]


def test_output_streams_and_ctrl_c_ends_the_command_but_not_the_episode(
    terminal: Terminal, record: Path
) -> None:
    terminal.type("echo begun; sleep 1000; echo never\n")
    terminal.wait_for("begun\r\n", seconds=60)
    terminal.type("\x03")
    terminal.wait_for("[interrupted]", seconds=60)
    terminal.wait_for("exit 130 |", seconds=60)
    terminal.wait_for("left] $ ")
    terminal.type("submit data/sample_submission.csv\n")
    terminal.wait_for("handed in", seconds=60)
    terminal.wait_for("played.jsonl", seconds=60)
    assert terminal.process.wait(timeout=60) == 0
    played = Trajectory.read(record)
    assert [step.observation["exit_code"] for step in played.steps] == [130, 0]
    assert played.grade is not None


def test_tab_completes_programs_files_and_colon_words_without_a_step(
    terminal: Terminal, record: Path
) -> None:
    terminal.type("mkdir -p 'my files/deep' && touch 'my files/notes.txt' && cd my*\n")
    terminal.wait_for("left] $ ", seconds=60)
    for typed, completed in (
        ("sha256su\t", "sha256sum "),
        ("cat no\t", "cat notes.txt "),
        ("cat ../my\\ fi\tno\t", "cat ../my\\ files/notes.txt "),
        ("ls ../da\tsample\t", "sample_submission.csv "),
        (":val\t", ":validate "),
    ):
        terminal.type(typed)
        terminal.wait_for(completed.rpartition(" ")[0].rpartition("/")[2], seconds=60)
        terminal.type("\x15")  # Ctrl-U empties the line
    terminal.type(":quit\n")
    terminal.wait_for("nothing was graded", seconds=60)
    terminal.process.wait(timeout=60)
    assert len(actions(record)) == 1


def test_a_progress_bar_moves_in_its_line_and_a_resize_is_noticed(terminal: Terminal) -> None:
    terminal.type('for i in 1 2 3; do printf "\\rpart $i"; sleep 0.4; done; echo\n')
    terminal.wait_for("part 1", seconds=60)
    between = terminal.wait_for("part 3", seconds=60)
    assert "\n" not in between
    terminal.wait_for("left] $ ", seconds=60)
    terminal.resize(40)
    terminal.type("x" * 30)
    terminal.wait_for("x" * 10)
    terminal.type("\x15:quit\n")
    terminal.wait_for("nothing was graded", seconds=60)

"""The human agent's prompt, in a real terminal."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mle_gym.trajectories.trajectory import Trajectory
from tests.terminal import Terminal

PROGRAM = """
import sys
import gymnasium as gym
from gymnasium import spaces
from mle_gym.agents import load_agent
from mle_gym.trajectories.rollout import rollout

class Echo(gym.Env):
    '''Answers every action with itself; ends with 'submit'.'''
    action_space = observation_space = spaces.Discrete(1)
    def observe(self, text, code=0):
        return {"output": text, "exit_code": code, "steps_left": 9, "seconds_left": 754.5}
    def reset(self, *, seed=None, options=None):
        return self.observe("the [bold]brief[/bold]\\n"), {}
    def step(self, action):
        over = action in ("submit", {"tool": "submit"})
        return self.observe(f"<<{action!r}>>", 3), float(over), over, False, {}

rollout(Echo(), load_agent("human"), path=sys.argv[1])
print("cleanly over")
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "episode.jsonl"


@pytest.fixture
def terminal(path: Path) -> Iterator[Terminal]:
    with contextlib.closing(
        Terminal(sys.executable, "-c", PROGRAM, str(path), cache=path.parent)
    ) as terminal:
        terminal.wait_for("$ ")
        yield terminal


def actions(path: Path) -> list[Any]:
    return [step.action for step in Trajectory.read(path).steps]


def test_the_brief_is_shown_as_it_is_with_how_to_leave(path: Path) -> None:
    with contextlib.closing(
        Terminal(sys.executable, "-c", PROGRAM, str(path), cache=path.parent)
    ) as terminal:
        shown = terminal.wait_for("[9 steps, 12:34 left] $ ")
    assert "the [bold]brief[/bold]" in shown
    assert ":help" in shown
    assert ":quit leaves" in shown


def test_commands_are_played_until_the_episode_ends(terminal: Terminal, path: Path) -> None:
    terminal.type("ls data\n")
    assert "<<'ls data'>>" in terminal.wait_for("[exit 3 | 9 steps, 12:34 left] $ ")
    terminal.type("submit\n")
    terminal.wait_for("cleanly over")
    assert actions(path) == ["ls data", "submit"]


def test_colon_commands_are_tool_calls(terminal: Terminal, path: Path) -> None:
    letter = path.parent / "letter.txt"
    letter.write_text("Dear 模型,\n")
    for line in (
        ":write 'a b.py'\nprint(1)\n\n.\n",
        f":send {letter} sent.txt\n",
        f":send {letter}\n",
        ":read x.py\n",
        ":list\n",
        "echo one \\\necho two\n",
        ">>> x = 1\\\nx\n",
    ):
        terminal.type(line)
        terminal.wait_for(">>")
    terminal.type(":submit\n")
    terminal.wait_for("cleanly over")
    assert actions(path) == [
        {"tool": "write_file", "path": "a b.py", "content": "print(1)\n\n"},
        {"tool": "write_file", "path": "sent.txt", "content": "Dear 模型,\n"},
        {"tool": "write_file", "path": "letter.txt", "content": "Dear 模型,\n"},
        {"tool": "read_file", "path": "x.py"},
        {"tool": "list_files"},
        "echo one \necho two",
        {"tool": "python", "code": "x = 1\nx"},
        {"tool": "submit"},
    ]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        (":dance", ":dance is not a command; :help lists them"),
        (":write", "missing 1 required positional argument: 'path'"),
        (":send /no/such/file", "No such file or directory: '/no/such/file'"),
        (":read 'x", "No closing quotation"),
        (":help", "hand in and end the episode"),
        (":", "hand in and end the episode"),
    ],
)
def test_a_mistake_costs_no_step(terminal: Terminal, path: Path, typed: str, answer: str) -> None:
    terminal.type(f"{typed}\n")
    terminal.wait_for(answer)
    terminal.type("\n   \n:submit\n")
    terminal.wait_for("cleanly over")
    assert actions(path) == [{"tool": "submit"}]


def test_ctrl_c_ends_the_line_and_nothing_else(terminal: Terminal, path: Path) -> None:
    terminal.type("half a command")
    terminal.wait_for("half a command")
    terminal.press("\x03", until="$ ")
    terminal.type("submit\n")
    terminal.wait_for("cleanly over")
    assert actions(path) == ["submit"]


@pytest.mark.parametrize("key", ["\x04", ":quit\n"])
def test_a_person_may_leave(terminal: Terminal, path: Path, key: str) -> None:
    terminal.type("ls\n")
    terminal.wait_for("$ ")
    terminal.press(key, until="nothing was graded")
    terminal.wait_for("cleanly over")
    assert terminal.process.wait(timeout=10) == 0
    trajectory = Trajectory.read(path)
    assert trajectory.left == "you quit"
    assert actions(path) == ["ls"]


def test_earlier_commands_come_back_in_the_next_episode(terminal: Terminal, path: Path) -> None:
    terminal.type("echo remembered\n")
    terminal.wait_for("$ ")
    terminal.type(":quit\n")
    terminal.wait_for("cleanly over")
    again = path.with_name("again.jsonl")
    with contextlib.closing(
        Terminal(sys.executable, "-c", PROGRAM, str(again), cache=path.parent)
    ) as second:
        second.wait_for("$ ")
        second.press("\x1b[A", until="echo remembered")  # the arrow up, past :quit
        second.type("\n")
        second.wait_for(">>")
        assert actions(again) == ["echo remembered"]


def test_without_a_terminal_lines_are_read_from_the_pipe(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, path],
        input="ls\n:write x\nlast line\n",
        capture_output=True,
        text=True,
        env=os.environ | {"MLE_GYM_CACHE": str(path.parent)},
    )
    assert "cleanly over" in done.stdout, done.stderr
    assert actions(path) == ["ls", {"tool": "write_file", "path": "x", "content": "last line\n"}]

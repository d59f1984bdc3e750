"""The human agent's prompt, in a real terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mle_gym.trajectories.trajectory import Trajectory

PROGRAM = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # Ctrl-C reaches whom the terminal belongs to
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


class Terminal:
    """A program in its own terminal."""

    def __init__(self, *arguments: str, cache: Path) -> None:
        self.screen = ""
        self._master, slave = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "100", "MLE_GYM_CACHE": str(cache)}
        self.process = subprocess.Popen(
            arguments,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=environment,
        )
        os.close(slave)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str, seconds: float = 30) -> str:
        """Read until a text appears; returns the screen up to it and forgets it."""
        deadline = time.monotonic() + seconds
        while text not in self.screen:
            ready, _, _ = select.select([self._master], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {text!r} in {self.screen}"
            self.screen += os.read(self._master, 4096).decode(errors="replace")
        before, _, self.screen = self.screen.partition(text)
        return before

    def press(self, key: str, *, until: str) -> None:
        """Press a key, again if necessary: one pressed just as the prompt appears may get lost."""
        for _ in range(10):
            self.type(key)
            with contextlib.suppress(AssertionError):
                self.wait_for(until, seconds=3)
                return
        raise AssertionError(f"no {until!r} in {self.screen}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


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
    assert "Ctrl-D" in shown


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


@pytest.mark.parametrize("key", ["\x04", "\x03", ":quit\n", "half a command\x03"])
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
        second.type("\x1b[A\x1b[A\n")  # the arrow up, twice, to the command before :quit
        second.wait_for(">>")
        assert actions(again) == ["echo remembered"]


def test_without_a_terminal_lines_are_read_from_the_pipe(path: Path) -> None:
    program = PROGRAM.replace("fcntl.ioctl", "0 and fcntl.ioctl")
    done = subprocess.run(
        [sys.executable, "-c", program, path],
        input="ls\n:write x\nlast line\n",
        capture_output=True,
        text=True,
        env=os.environ | {"MLE_GYM_CACHE": str(path.parent)},
    )
    assert "cleanly over" in done.stdout, done.stderr
    assert actions(path) == ["ls", {"tool": "write_file", "path": "x", "content": "last line\n"}]

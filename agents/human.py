"""Lets you play an episode at a prompt.

mle-gym play titanic

Type shell commands, ``>>>`` and Python, or a colon and a tool (``:help`` lists them). Ctrl-D,
Ctrl-C or ``:quit`` quits; only ``submit`` is graded.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.panel import Panel

from mle_gym.agents import LeaveEpisode
from mle_gym.clean_console import CleanConsole
from mle_gym.paths import cache_folder

try:
    import readline
except ImportError:  # in a Python built without it, the prompt has no history
    readline = None  # type: ignore[assignment]

HELP = """\
COMMAND               any shell command; end a line with \\ to continue on the next
>>> CODE              a cell of Python in the live interpreter
:write FILE           write a file: type its lines, end with a line with only a dot
:send HOST_FILE [FILE]  copy a file from your machine into the workspace
:read FILE            read a file                 :list [FOLDER]  list a folder
:validate [FILE]      check a submission's format :score [FILE]   score it on the public part
:submit [FILE]        hand in and end the episode (the command `submit` does the same)
:help                 this text
:quit                 leave without a grade (so do Ctrl-D and Ctrl-C)"""

TOOLS = {"read": "read_file", "list": "list_files"}
"""Short names of tools. The others have their own names."""


class HumanAgent:
    """Shows observations in the terminal and asks for actions."""

    name = "human"

    def __init__(self) -> None:
        self._console = CleanConsole(soft_wrap=True)
        self._history = cache_folder() / "human_history"
        self._fresh = False

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Show the brief and how to leave."""
        self._fresh = True
        self._print(observation["output"])
        self._console.print(Panel(HELP, title="How to play", expand=False))
        if readline is not None:
            with contextlib.suppress(OSError):
                readline.read_history_file(self._history)

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """Show what the last action did, then read lines until they form an action.

        Raises:
            LeaveEpisode: You quit.
        """
        if not self._fresh:
            self._print(observation["output"])
        self._fresh = False
        try:
            while True:
                if action := self._action(self._line(self._prompt(observation))):
                    return action
        except (EOFError, KeyboardInterrupt):
            self._console.print("\nYou quit; nothing was graded.")
            raise LeaveEpisode("you quit", submit=False) from None
        finally:
            self._remember()

    def _action(self, line: str) -> Any:
        """The action that a line asks for, or None."""
        if line.startswith(">>>"):
            return {"tool": "python", "code": line[3:].removeprefix(" ")}
        if not line.strip().startswith(":"):
            return line if line.strip() else None
        try:
            name, *arguments = shlex.split(line.strip()[1:]) or ["help"]
            return self._commands().get(name, self._unknown)(name, *arguments)
        except (OSError, TypeError, ValueError) as error:
            self._print(f"{line.strip()}: {error}; :help shows how")
            return None

    def _commands(self) -> dict[str, Callable[..., Any]]:
        tools = dict.fromkeys(("read", "list", "validate", "score", "submit"), _tool)
        return {"help": self._help, "quit": _quit, "write": self._write, "send": _send, **tools}

    def _help(self, name: str) -> None:
        self._print(HELP)

    def _unknown(self, name: str, *arguments: str) -> None:
        self._print(f":{name} is not a command; :help lists them")

    def _write(self, name: str, path: str) -> dict[str, str]:
        self._print("Type the file's lines; end with a line with only a dot, or with Ctrl-D.")
        lines = []
        with contextlib.suppress(EOFError):
            while (line := input()) != ".":
                lines.append(f"{line}\n")
        return {"tool": "write_file", "path": path, "content": "".join(lines)}

    def _line(self, prompt: str) -> str:
        line = input(prompt)
        while line.endswith("\\"):
            line = f"{line[:-1]}\n{input('> ')}"
        return line

    def _prompt(self, observation: Any) -> str:
        code, steps = int(observation["exit_code"]), int(observation["steps_left"])
        minutes, seconds = divmod(int(np.asarray(observation["seconds_left"]).item()), 60)
        failed = f"exit {code} | " if code else ""
        return f"[{failed}{steps} steps, {minutes}:{seconds:02} left] $ "

    def _print(self, text: str) -> None:
        self._console.print(text.rstrip("\n"))

    def _remember(self) -> None:
        if readline is not None:
            with contextlib.suppress(OSError):
                self._history.parent.mkdir(parents=True, exist_ok=True)
                readline.write_history_file(self._history)


def _quit(name: str) -> None:
    raise EOFError


def _send(name: str, source: str, path: str = "") -> dict[str, str]:
    """The action that copies a file from the host into the workspace."""
    content = Path(source).expanduser().read_text("utf-8")
    return {"tool": "write_file", "path": path or Path(source).name, "content": content}


def _tool(name: str, path: str = "") -> dict[str, str]:
    call = {"tool": TOOLS.get(name, name)}
    return {**call, "path": path} if path else call

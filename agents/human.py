"""Lets you play an episode at a prompt, as in a shell.

mle-gym play titanic

Type shell commands, ``>>>`` and Python, or a colon and a tool (``:help`` lists them). Tab
completes, the arrow keys recall, and Ctrl-C ends the line. Ctrl-D or ``:quit`` leaves; only
``submit`` is graded.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.markdown import Markdown

from mle_gym.agents import LeaveEpisode
from mle_gym.clean_console import CleanConsole
from mle_gym.cli.live_lines import LiveLines
from mle_gym.cli.pager import show_in_pages
from mle_gym.cli.prompt import Names, Prompt, open_prompt
from mle_gym.episode.live_output import LiveOutput
from mle_gym.paths import cache_folder

HELP = """\
COMMAND          any shell command; a line that ends with \\ goes on
>>> CODE         a cell of Python in the live interpreter
:write FILE      write a file: type its lines, end with a line with only a dot
:send PATH [FILE]  copy a file from your machine into the workspace
:read FILE       read a file
:list [FOLDER]   list a folder
:validate [FILE] check a submission's format
:score [FILE]    score it on the public part
:submit [FILE]   hand in and end the episode (the command `submit` does so too)
:brief           show the task again
:help            show this text
:quit            leave without a grade (so does Ctrl-D)
Tab completes, the arrow keys recall, Ctrl-C ends the line or the command."""

TOOLS = {"read": "read_file", "list": "list_files"}
"""Short names of tools. The others have their own names."""


class HumanAgent:
    """Shows observations in the terminal and asks for actions.

    Args:
        names: Lists what a folder of the workspace has, or programs, for Tab.
    """

    name = "human"

    def __init__(self, names: Names = lambda folder: []) -> None:
        self._console = CleanConsole(soft_wrap=True)
        self._output = LiveLines(self._console)
        self._prompt: Prompt = open_prompt(cache_folder() / "play_history", self._commands(), names)
        self._fresh = False
        self._brief = ""

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Show the brief and how to leave."""
        self._fresh, self._brief = True, str(observation["output"])
        self._show_brief("brief")
        self._console.print("\n:help explains the prompt, :quit leaves.", style="dim")

    def printed(self, output: LiveOutput) -> None:
        """Show what a command prints while it runs."""
        self._output.printed(output)

    def finish(self, observation: Any) -> None:
        """Show what of an observation was not shown while the command ran."""
        self._output.finish(str(observation["output"]))

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """Show what the last action did, then read lines until they form an action.

        Raises:
            LeaveEpisode: You quit.
        """
        if not self._fresh:
            self.finish(observation)
        self._fresh = False
        before, failed = _prompt_text(observation), bool(observation["exit_code"])
        try:
            while True:
                if action := self._action(self._prompt.line(before, failed=failed)):
                    self._output.begin()
                    return action
        except (EOFError, KeyboardInterrupt):
            self._console.print("You quit; nothing was graded.")
            raise LeaveEpisode("you quit", submit=False) from None

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
        own = {"help": self._help, "brief": self._show_brief, "quit": _quit}
        return {**own, "write": self._write, "send": _send, **tools}

    def _help(self, name: str) -> None:
        self._print(HELP)

    def _show_brief(self, name: str) -> None:
        if self._console.is_terminal:
            show_in_pages(self._console, Markdown(self._brief, hyperlinks=False))
        else:
            self._print(self._brief)

    def _unknown(self, name: str, *arguments: str) -> None:
        self._print(f":{name} is not a command; :help lists them")

    def _write(self, name: str, path: str) -> dict[str, str]:
        self._print("Type the file's lines; end with a line with only a dot, or with Ctrl-D.")
        lines = []
        with contextlib.suppress(EOFError):
            while (line := self._prompt.line("")) != ".":
                lines.append(f"{line}\n")
        return {"tool": "write_file", "path": path, "content": "".join(lines)}

    def _print(self, text: str) -> None:
        self._console.print(text.rstrip("\n"))


def _prompt_text(observation: Any) -> str:
    code, steps = int(observation["exit_code"]), int(observation["steps_left"])
    minutes, seconds = divmod(int(np.asarray(observation["seconds_left"]).item()), 60)
    failed = f"exit {code} | " if code else ""
    return f"[{failed}{steps} steps, {minutes}:{seconds:02} left] $ "


def _quit(name: str) -> None:
    raise EOFError


def _send(name: str, source: str, path: str = "") -> dict[str, str]:
    """The action that copies a file from the host into the workspace."""
    content = Path(source).expanduser().read_text("utf-8")
    return {"tool": "write_file", "path": path or Path(source).name, "content": content}


def _tool(name: str, path: str = "") -> dict[str, str]:
    call = {"tool": TOOLS.get(name, name)}
    return {**call, "path": path} if path else call

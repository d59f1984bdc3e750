"""Shows an episode on stderr while it runs: each action when it begins, its output as it comes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.text import Text

from mle_gym.cli.live_lines import print_output, unshown
from mle_gym.cli.live_status import live_status, one_row
from mle_gym.episode.actions.action import ApplyPatch, Cell, Shell
from mle_gym.episode.actions.parse import parse_action
from mle_gym.episode.live_output import LiveOutput
from mle_gym.episode.public_score_line import public_score
from mle_gym.episode.rendering import describe
from mle_gym.errors import ActionError
from mle_gym.text import clean_text
from mle_gym.trajectories.rollout import Watches
from mle_gym.trajectories.trajectory import Step

__all__ = ["EpisodeDisplay", "episode_display"]

OUTPUT_LINES = 12
"""How many of the last lines are shown of an output that is a file's or a folder's."""
COMMAND_LINES = 6
THOUGHT_LINES = 12


@contextlib.contextmanager
def episode_display(console: Console) -> Iterator[EpisodeDisplay]:
    """Show an episode that is played in the block, with a status in the terminal's last lines.

    with episode_display(console) as display:
        rollout(env, agent, **display.watches)
    """
    display = EpisodeDisplay(console)
    with live_status(console, display.status):
        yield display


class EpisodeDisplay:
    """Prints actions, outputs and results, a line at a time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps, self._last, self._began = 0, 0.0, time.monotonic()
        self._shown, self._newest, self._doing = "", "", "starting"
        self._budget = ""
        self._score = ""

    @property
    def watches(self) -> Watches:
        """What shows an episode here while it is played."""
        return {"on_action": self.began, "on_output": self.printed, "on_step": self.ended}

    def began(self, action: Any, observation: Any, turn: dict[str, Any] | None) -> None:
        """Print an action that begins, after the thoughts that led to it."""
        self._steps += 1
        self._shown, self._newest, self._doing = "", "", f"step {self._steps}"
        self._began = time.monotonic()
        self._budget = _budget(observation)
        print_output(self._console, _thoughts(turn), "italic")
        command = _shorten(describe(action).splitlines(), COMMAND_LINES)
        line = Text.assemble((f"[{self._steps}] ", "dim"), (command, "bold green"))
        self._console.print(line, soft_wrap=True)

    def printed(self, output: LiveOutput) -> None:
        """Print what is new in its output."""
        self._shown, self._newest = self._shown + output.lines, output.newest
        print_output(self._console, output.lines)

    def ended(self, step: Step) -> None:
        """Print the rest of its output, and how it ended."""
        self._newest, self._doing = "", "thinking"
        self._began = time.monotonic()
        seconds, self._last = step.time - self._last, step.time
        observation = step.observation
        rest = unshown(str(observation["output"]), self._shown)
        if not _is_program(step.action):
            rest = _shorten(rest.splitlines(), OUTPUT_LINES)
        print_output(self._console, rest)
        self._budget, self._score = _budget(observation), _score(step) or self._score
        code = int(observation["exit_code"])
        result = ("ok", "green") if code == 0 else (f"exit code {code}", "red")
        left = f", {observation['steps_left']} steps left"
        self._console.print(Text.assemble(result, (f" in {seconds:.2f} s{left}", "dim")))

    def show(self, step: Step) -> None:
        """Print a step that has ended before."""
        self.began(step.action, None, step.turn)
        self.ended(step)

    def status(self) -> Group:
        """The line that grows, if there is one, and below it where the episode is."""
        parts = [self._doing, f"{time.monotonic() - self._began:.0f} s", self._budget, self._score]
        lines = [one_row(self._newest)] if self._newest else []
        return Group(*lines, one_row(" · ".join(filter(None, parts)), "reverse"))


def _is_program(action: Any) -> bool:
    """Whether all that an action prints is shown: it is a script's or a cell's."""
    try:
        return isinstance(parse_action(action), Shell | Cell | ApplyPatch)
    except ActionError:
        return True


def _thoughts(turn: dict[str, Any] | None) -> str:
    """What an agent said in the turn that led to an action."""
    text = clean_text(str((turn or {}).get("text") or ""))
    return _shorten(text.strip().splitlines(), THOUGHT_LINES)


def _budget(observation: Any) -> str:
    """The steps and the time that are left; empty if they aren't known."""
    if observation is None:
        return ""
    minutes, seconds = divmod(int(np.asarray(observation["seconds_left"]).item()), 60)
    return f"{observation['steps_left']} steps and {minutes}:{seconds:02} left"


def _score(step: Step) -> str:
    """What a step tells of the score, as a status line has it."""
    if grade := step.info.get("grade"):
        score = grade["score"]
        return "no valid submission" if score is None else f"{grade['metric']} {score:.5g}"
    validation = step.info.get("validation")
    if not validation:
        return ""
    try:
        score = public_score(parse_action(step.action), str(step.observation["output"]))
    except ActionError:
        score = None
    if score is not None:
        return f"public score {score:.5g}"
    return "valid submission" if validation["valid"] else "submission not valid"


def _shorten(lines: list[str], most: int) -> str:
    """The last lines, and how many were left out above them."""
    if len(lines) <= most:
        return "\n".join(lines)
    return "\n".join([f"… {len(lines) - most} more lines", *lines[-most:]])

"""Shows an episode on stderr while it runs."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from mle_gym.episode.rendering import describe
from mle_gym.trajectories.trajectory import Step

__all__ = ["Progress"]

OUTPUT_LINES = 12
"""How many of the last lines of a step's output are shown."""
COMMAND_LINES = 6


class Progress:
    """Prints each step as it ends and, on a terminal, a clock for the one in progress.

    with Progress(console) as progress:
        rollout(env, agent, on_step=progress.show)
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("starting", console=console)
        self._steps = 0
        self._last = 0.0
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        """Start the clock, where there is a terminal to show it."""
        if self._console.file.isatty():
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the clock."""
        self._status.stop()

    def show(self, step: Step) -> None:
        """Print a step that has ended."""
        self._steps += 1
        seconds, self._last = step.time - self._last, step.time
        command = _shorten(describe(step.action).splitlines(), COMMAND_LINES)
        self._console.print(Text.assemble((f"[{self._steps}] ", "dim"), (command, "bold green")))
        observation = step.observation
        output = _shorten(str(observation["output"]).rstrip().splitlines(), OUTPUT_LINES)
        if output:
            self._console.print(Text(output))
        code = int(observation["exit_code"])
        result = ("ok", "green") if code == 0 else (f"exit code {code}", "red")
        left = f", {observation['steps_left']} steps left"
        self._console.print(Text.assemble(result, (f" in {seconds:.2f} s{left}", "dim")))
        self._status.update(f"step {self._steps + 1}")


def _shorten(lines: list[str], most: int) -> str:
    """The last lines, and how many were left out above them."""
    if len(lines) <= most:
        return "\n".join(lines)
    return "\n".join([f"… {len(lines) - most} more lines", *lines[-most:]])

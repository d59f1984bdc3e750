"""Shows an evaluation while it runs: how far it is, its rate, and what each episode does."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from mle_gym.evaluation.plan import Episode
from mle_gym.evaluation.play_episode import Phase
from mle_gym.evaluation.result import Result
from mle_gym.text import one_line

__all__ = ["EvaluationProgress"]

SHOWN = 12
"""How many running episodes are listed."""


class EvaluationProgress:
    """A watch (:class:`~mle_gym.evaluation.engine.Watch`) for a terminal, or for a pipe.

    Args:
        console: On a terminal, the last lines are a bar and what runs now. Elsewhere there is one
            line for each episode that has ended.
        total: How many episodes are going to be played.
    """

    def __init__(self, console: Console, total: int) -> None:
        self._console, self._total = console, total
        self._running: dict[Episode, tuple[float, Phase | None]] = {}
        self._ended = 0
        self._bar = Progress(
            TextColumn("{task.fields[rate]}"), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(), console=console,
        )  # fmt: skip
        self._task = self._bar.add_task("", total=total, rate="")
        self._live = Live(get_renderable=self._shown, console=console, refresh_per_second=4)
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        """Start to show what runs, where there is a terminal to show it."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what runs."""
        self._live.stop()

    def began(self, episode: Episode) -> None:
        """An episode is being played."""
        self._running[episode] = time.monotonic(), None

    def changed(self, episode: Episode, phase: Phase) -> None:
        """It does something else now."""
        began, _ = self._running.get(episode, (time.monotonic(), None))
        self._running[episode] = began, phase

    def ended(self, episode: Episode, result: Result) -> None:
        """Its result is written."""
        self._running.pop(episode, None)
        self._ended += 1
        rate = 60 * self._ended / max(time.monotonic() - self._started, 1e-9)
        self._bar.update(self._task, completed=self._ended, rate=f"{rate:.1f}/min")
        number = (f"[{self._ended}/{self._total}] ", "dim")
        line = Text.assemble(number, (f"{episode.id}  ", "bold"), _what_came(result))
        self._console.print(line, soft_wrap=True)

    def _shown(self) -> Group:
        now = time.monotonic()
        lines = []
        for episode, (began, phase) in list(self._running.items())[:SHOWN]:
            doing = "starting" if phase is None else phase.doing
            steps = f", step {phase.steps + 1}" if phase and phase.steps else ""
            command = one_line(phase.command)[:40] if phase else ""
            text = f"  {now - began:5.0f} s  {episode.id}  {doing}{steps}  {command}"
            lines.append(Text(text, style="dim", no_wrap=True, overflow="ellipsis"))
        if (more := len(self._running) - SHOWN) > 0:
            lines.append(Text(f"  and {more} more", style="dim"))
        return Group(*lines, self._bar)


def _what_came(result: Result) -> Text:
    if result.status == "failed":
        return Text(f"failed: {result.reason}: {one_line(result.message)[:160]}", "red")
    if result.status == "agent_failed":
        return Text(f"agent failed: {one_line(result.message)[:160]}", "yellow")
    if not result.valid:
        return Text(f"no valid submission: {result.reason}", "yellow")
    score = f"{result.metric} {result.score:.5g}" if result.score is not None else "valid"
    anchored = "" if result.anchored is None else f", anchored {result.anchored:.3f}"
    return Text(f"{score}{anchored}{', ' + result.medal if result.medal else ''}", "green")

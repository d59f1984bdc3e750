"""Shows an evaluation while it runs: how far it is, its rate, and what each episode does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from mle_gym.cli.live_status import live_status, one_row
from mle_gym.evaluation.plan import Episode
from mle_gym.evaluation.play_episode import Phase
from mle_gym.evaluation.result import Result
from mle_gym.text import one_line

__all__ = ["EvaluationProgress", "evaluation_progress"]

SHOWN = 12
"""How many running episodes are listed."""


@contextlib.contextmanager
def evaluation_progress(console: Console, total: int) -> Iterator[EvaluationProgress]:
    """Show an evaluation that runs in the block, on a terminal with a bar and what runs now."""
    progress = EvaluationProgress(console, total)
    with live_status(console, progress.status, keep=True):
        yield progress


class EvaluationProgress:
    """A watch (:class:`~mle_gym.evaluation.engine.Watch`): a line for each episode that has ended.

    Args:
        console: Where these lines are printed.
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
        self._started = time.monotonic()

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

    def status(self) -> Group:
        """What runs now, and how far the whole is."""
        now = time.monotonic()
        lines = []
        for episode, (began, phase) in list(self._running.items())[:SHOWN]:
            doing = "starting" if phase is None else phase.doing
            steps = f", step {phase.steps + 1}" if phase and phase.steps else ""
            command = one_line(phase.command)[:40] if phase else ""
            text = f"  {now - began:5.0f} s  {episode.id}  {doing}{steps}  {command}"
            lines.append(one_row(text, "dim"))
        if (more := len(self._running) - SHOWN) > 0:
            lines.append(one_row(f"  and {more} more", "dim"))
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

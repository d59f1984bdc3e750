"""What every program of a family does on every variant, recorded once and played from the record.

A fit gives the same output whenever it is run, so an episode that is looked up is the one that the
environment would have played.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.bundled_agent import bundled_agent
from mle_gym.authoring.family_programs import load_programs
from mle_gym.authoring.play_programs import Play, play_all
from mle_gym.tasks.catalog import load_task

__all__ = ["Recorded", "Swapped", "record"]


def record(family: str, variants: int, workers: int, sandbox: str = "auto") -> list[dict[str, Any]]:
    """Play every program on training and held-out variants; a row for each episode."""
    task = load_task(family)
    chosen = [v for n in range(1, variants + 1) for v in (n, -n)]
    programs = load_programs(task).program
    plays = [Play(p.name, p.command, v, "micro", 0.5) for v in chosen for p in programs]

    def show(play: Play, left: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{family}: {left} left  ", end="", file=sys.stderr, flush=True)

    found = play_all(task, plays, workers=workers, sandbox=sandbox, on_played=show)
    return [
        {
            "task": task.id,
            "variant": play.variant,
            "command": play.command,
            "validation": played.validation,
            "anchored": played.anchored,
        }
        for play, played in zip(plays, found, strict=True)
    ]


class Recorded:
    """A world of the agent in which outcomes are looked up.

    Args:
        args: The agent's settings.
        toolbox: The family's toolbox.
        rows: What :func:`record` found, of any families.
    """

    def __init__(self, args: Any, toolbox: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        self._steps, self._toolbox = args.steps, toolbox
        self._outcome = bundled_agent("feedback_policy").Outcome
        self._known = {
            (row["variant"], row["command"]): (
                toolbox.read(f"validation: {row['validation']}"),  # None, too, isn't a number
                float(row["anchored"]),
            )
            for row in rows
            if row["task"] == toolbox.task
        }

    def start(self, variants: Sequence[int]) -> None:
        """Begin an episode of each variant."""
        self.variants = list(variants)
        self._left = [self._steps] * len(variants)
        self._handed_in = [0.0] * len(variants)

    def step(self, written: Mapping[int, Any]) -> dict[int, Any]:
        """Look up what the commands do."""
        outcomes = {}
        for i, words in written.items():
            self._left[i] -= 1
            validation = None
            if words is not None:
                validation, score = self.look_up(self.variants[i], words)
                if validation is not None:  # a fit that failed leaves what was there before
                    self._handed_in[i] = score
            over = words is None or self._left[i] == 0
            outcomes[i] = self._outcome(validation, self._handed_in[i] if over else 0.0, over)
        return outcomes

    def close(self) -> None:
        """There is nothing to end."""

    def look_up(self, variant: int, words: Any) -> tuple[float | None, float]:
        """A program's own validation and its anchored score."""
        return self._known[variant, self._toolbox.command(words)]


class Swapped(Recorded):
    """An ablation: what is shown is another variant's validation, what counts is one's own."""

    def step(self, written: Mapping[int, Any]) -> dict[int, Any]:
        """Look up what the commands do, and what they do to the next variant."""
        outcomes = super().step(written)
        for i, words in written.items():
            if words is not None:
                other = self.variants[(i + 1) % len(self.variants)]
                outcomes[i] = replace(outcomes[i], validation=self.look_up(other, words)[0])
        return outcomes

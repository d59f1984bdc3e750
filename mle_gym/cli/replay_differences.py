"""Shows where a replay differs from its recording: what each step gave then and now."""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from mle_gym.episode.rendering import describe
from mle_gym.text import one_line
from mle_gym.trajectories.trajectory import Difference, Trajectory

__all__ = ["shown_differences"]

MOST_LINES = 40
"""How many lines of one text's differences are shown; ``--json`` has both texts whole."""
STYLES = {"-": "red", "+": "green"}
_STEP = re.compile(r"step (\d+)\.?")


def shown_differences(recorded: Trajectory, differences: Sequence[Difference]) -> Iterator[Text]:
    """Lines for a terminal, grouped by step.

    Args:
        recorded: Names the steps' actions.
        differences: In the order of the steps.
    """
    for place, group in itertools.groupby(differences, lambda each: _place(recorded, each)):
        yield Text.assemble(("differs ", "bold red"), (f"at {place}", "bold"))
        for each in group:
            what = _STEP.sub("", each.where.removeprefix("reset: "))
            yield Text(f"  {what or 'the steps'}", style="dim")
            yield from _then_and_now(each)


def _place(recorded: Trajectory, difference: Difference) -> str:
    """A step with its action, or the reset."""
    found = _STEP.match(difference.where)
    if not found:
        return "the reset"
    number = int(found[1])
    steps = recorded.steps[number - 1 : number]
    return f"step {number}  {one_line(describe(steps[0].action), 100) if steps else ''}".rstrip()


def _then_and_now(difference: Difference) -> Iterator[Text]:
    """Both values, or for texts of several lines the lines that differ."""
    then, now = difference.then, difference.now
    if not (isinstance(then, str) and isinstance(now, str)):
        yield Text(f"    then: {_shown(then)}")
        yield Text(f"    now:  {_shown(now)}")
        return
    old, new = then.splitlines(), now.splitlines()
    if max(len(old), len(new)) <= 1:
        yield Text(f"    then: {one_line(then) or '(nothing)'}")
        yield Text(f"    now:  {one_line(now) or '(nothing)'}")
        return
    lines = list(difflib.unified_diff(old, new, "then", "now", lineterm="", n=1))
    for line in lines[:MOST_LINES]:
        yield Text(f"    {line}", style=STYLES.get(line[:1], "dim"))
    if len(lines) > MOST_LINES:
        yield Text(f"    … {len(lines) - MOST_LINES} more lines", style="dim")


def _shown(value: Any) -> str:
    return one_line(json.dumps(value, ensure_ascii=False))

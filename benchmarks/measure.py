"""Measures in turns, so that other load on the machine affects everything alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["Cell", "Operation", "Skip", "Tick", "explain", "in_turns", "timed"]

Operation = Callable[[], float]
"""Performs the operation once and returns one value in the row's unit."""
Tick = Callable[[str], None]
"""Is called with what is about to be done."""


class Skip(Exception):
    """Something can't be measured; the message says why."""


@dataclass
class Cell:
    """The measured values of one contender for one row, or the reason why there are none."""

    values: list[float] = field(default_factory=list)
    skipped: str = ""
    failed: bool = False
    """Whether ``skipped`` describes a fault, and not something that is missing."""

    @property
    def out(self) -> bool:
        """Whether it gets no more turns."""
        return bool(self.skipped)

    def fail(self, error: Exception) -> None:
        """Stop taking turns, for this reason."""
        self.skipped = explain(error) or type(error).__name__
        self.failed = not isinstance(error, Skip)

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile."""
        if len(self.values) < 2:
            return self.values[0], self.values[0]
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return first, third


def timed(call: Callable[[], object]) -> Operation:
    """The call's wall-clock milliseconds."""

    def operation() -> float:
        started = time.perf_counter()
        call()
        return (time.perf_counter() - started) * 1000

    return operation


def in_turns(
    operations: Mapping[str, Operation],
    cells: Mapping[str, Cell],
    *,
    repeats: int,
    seconds: float,
    warm_up: bool = True,
    tick: Tick = lambda what: None,
) -> None:
    """Give each operation a turn, then each the next turn. Another operation begins each time.

    Values are added to ``cells`` immediately, so that an interrupted run keeps them. An operation
    that raises gets no more turns, and its cell says why.

    Args:
        operations: The operations, by the names in ``cells``.
        cells: Filled with the values.
        repeats: How many turns count.
        seconds: No turn except the first begins later than this.
        warm_up: Whether to begin with a turn that doesn't count.
        tick: Called before each call.
    """
    names = list(operations)
    deadline = time.monotonic() + seconds
    for turn in range(-int(warm_up), repeats):
        if turn > 0 and time.monotonic() > deadline:
            return
        first = max(turn, 0) % max(1, len(names))
        for name in names[first:] + names[:first]:
            if cells[name].out:
                continue
            tick(name)
            try:
                value = operations[name]()
            except Exception as error:
                cells[name].fail(error)
            else:
                cells[name].values += [value] if turn >= 0 else []


def explain(error: Exception) -> str:
    """One line that says what went wrong."""
    lines = str(error).strip().splitlines()
    text = lines[-1] if lines else ""
    return text if isinstance(error, Skip) else f"{type(error).__name__}: {text}"[:200]

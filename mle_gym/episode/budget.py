"""What an episode may spend: steps, and seconds of wall-clock time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["EpisodeBudget"]


@dataclass
class EpisodeBudget:
    """Steps and time, which runs from construction, at the end of ``reset``."""

    max_steps: int
    time_limit: float
    """Seconds of wall-clock time, which includes the agent's own thinking."""
    steps_taken: int = 0
    thoughts: int = 0
    """Actions that cost no step. There may be as many as steps, so that an episode ends."""
    started: float = field(default_factory=time.monotonic)

    @property
    def steps_left(self) -> int:
        """Steps that may still be taken, the one in progress not counted."""
        return max(0, self.max_steps - self.steps_taken)

    @property
    def seconds_left(self) -> float:
        """Between 0 and ``time_limit``."""
        return max(0.0, min(self.time_limit, self.started + self.time_limit - time.monotonic()))

    @property
    def spent(self) -> str:
        """``"steps"`` or ``"time"``, whichever ran out; ``""`` while both last."""
        if self.seconds_left <= 0:
            return "time"
        return "" if self.steps_left else "steps"

    @property
    def seconds_used(self) -> float:
        """Between 0 and ``time_limit``."""
        return self.time_limit - self.seconds_left

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the clock while a block runs."""
        used, began = self.seconds_used, time.monotonic()
        self.started = began - used
        try:
            yield
        finally:
            self.started += time.monotonic() - began

    def take_step(self, *, free: bool = False) -> None:
        """Count a step, or an action that costs none."""
        if free and self.thoughts < self.max_steps:
            self.thoughts += 1
        else:
            self.steps_taken += 1

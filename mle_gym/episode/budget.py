"""What an episode may spend: steps, and seconds of time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

__all__ = ["EpisodeBudget"]


@dataclass
class EpisodeBudget:
    """Steps, and time, which runs from construction except while it is stopped."""

    max_steps: int
    time_limit: float
    """Seconds."""
    steps_taken: int = 0
    thoughts: int = 0
    """Actions that cost no step. There may be as many as steps, so that an episode ends."""
    started: float = field(default_factory=time.monotonic)
    stopped_at: float | None = None
    """Since when the time has been stopped; None while it runs."""

    @property
    def steps_left(self) -> int:
        """Steps that may still be taken, the one in progress not counted."""
        return max(0, self.max_steps - self.steps_taken)

    @property
    def seconds_left(self) -> float:
        """Between 0 and ``time_limit``."""
        now = time.monotonic() if self.stopped_at is None else self.stopped_at
        return max(0.0, min(self.time_limit, self.started + self.time_limit - now))

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

    def stop(self) -> None:
        """Stop the time. Idempotent."""
        if self.stopped_at is None:
            self.stopped_at = time.monotonic()

    def go_on(self) -> None:
        """Let the time run again. Idempotent."""
        if self.stopped_at is not None:
            self.started += time.monotonic() - self.stopped_at
            self.stopped_at = None

    def take_step(self, *, free: bool = False) -> None:
        """Count a step, or an action that costs none."""
        if free and self.thoughts < self.max_steps:
            self.thoughts += 1
        else:
            self.steps_taken += 1

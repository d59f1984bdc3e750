"""The agent's clock: the budget's time, and the deadline of the sandbox, which must agree."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal, get_args

from mle_gym.episode.budget import EpisodeBudget
from mle_gym.errors import SandboxError
from mle_gym.sandbox.protocol import Sandbox

__all__ = ["CLOCKS", "Clock", "Counted"]

Counted = Literal["wall", "commands"]
CLOCKS: tuple[Counted, ...] = get_args(Counted)
"""What counts: all time from the reset on, or only the time that actions take."""


class Clock:
    """Runs as long as the budget's time does. When that is up, the sandbox ends everything inside.

    Args:
        sandbox: Knows the deadline, so that everything ends even while nobody takes a step.
        budget: Has the time.
        counted: ``"wall"`` for a clock that runs from now on, ``"commands"`` for one that runs
            only during actions.
    """

    def __init__(self, sandbox: Sandbox, budget: EpisodeBudget, counted: Counted = "wall") -> None:
        self._sandbox, self._budget = sandbox, budget
        self._between_actions = counted == "wall"
        if self._between_actions:
            sandbox.expire(budget.seconds_left)
        else:
            budget.stop()

    def begin_action(self) -> None:
        """Let the clock run if it doesn't.

        Raises:
            SandboxError: The sandbox is gone.
        """
        if self._budget.stopped_at is not None:
            self._budget.go_on()
            self._sandbox.expire(self._budget.seconds_left)

    def end_action(self) -> None:
        """Stop the clock, if it counts only actions.

        Raises:
            SandboxError: The sandbox is gone.
        """
        if not self._between_actions:
            self._budget.stop()
            self._sandbox.expire(None)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the clock during a block.

        Raises:
            SandboxError: The sandbox is gone.
        """
        if self._budget.stopped_at is not None:
            yield
            return
        self._sandbox.expire(None)
        self._budget.stop()
        try:
            yield
        except BaseException:  # such as Ctrl-C, after which the episode goes on
            with contextlib.suppress(SandboxError):
                self.begin_action()
            raise
        self.begin_action()

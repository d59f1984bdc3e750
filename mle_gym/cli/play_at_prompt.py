"""How ``mle-gym play`` connects a person's prompt with an environment."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, cast

from mle_gym.agents import Agent, load_agent
from mle_gym.env import MLEEnv
from mle_gym.episode.live_output import LiveOutput
from mle_gym.errors import MleGymError
from mle_gym.trajectories.rollout import Watches
from mle_gym.trajectories.trajectory import Step

if TYPE_CHECKING:
    from mle_gym.cli.prompt import Names

__all__ = ["Person", "person_at", "watches_of_person"]

MOST_PRESSES = 3
"""The third Ctrl-C in one step ends the program, in case the command can't be ended."""


class Person(Agent, Protocol):
    """The agent ``human``, which asks whoever sits at this terminal for the actions."""

    def printed(self, output: LiveOutput) -> None:
        """Show what the running command prints."""

    def finish(self, observation: Any) -> None:
        """Show the last observation, which no question follows."""


def person_at(environment: MLEEnv) -> Person:
    """The agent that asks the person at this terminal, who may complete names of its files."""
    return cast("Person", load_agent("human", names=_names(environment)))


def _names(environment: MLEEnv) -> Names:
    def names(folder: str | None) -> list[str]:
        try:
            return environment.names(folder)
        except (MleGymError, OSError, RuntimeError):
            return []  # the next command will say what is wrong

    return names


@contextlib.contextmanager
def watches_of_person(environment: MLEEnv, person: Person) -> Iterator[Watches]:
    """What shows a person the output of commands as it comes.

    During the block, Ctrl-C ends the running command, and the episode goes on.
    """
    step = _RunningStep(environment)
    watches: Watches = {
        "on_action": step.began,
        "on_output": person.printed,
        "on_step": step.ended,
    }
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread():
        yield watches
        return
    signal.signal(signal.SIGINT, step.press)
    try:
        yield watches
    finally:
        signal.signal(signal.SIGINT, before)


class _RunningStep:
    """Whether a step runs, and how often Ctrl-C was pressed since it began."""

    def __init__(self, environment: MLEEnv) -> None:
        self._environment = environment
        self._runs, self._presses = False, 0

    def began(self, *_: object) -> None:
        self._runs, self._presses = True, 0

    def ended(self, step: Step) -> None:
        self._runs = False

    def press(self, number: int, frame: FrameType | None) -> None:
        self._presses += 1
        if not self._runs or self._presses >= MOST_PRESSES:
            signal.default_int_handler(number, frame)
        self._environment.interrupt()

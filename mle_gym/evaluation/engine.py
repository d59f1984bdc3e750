"""What an engine is: it plays episodes somewhere and says what they came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from mle_gym.evaluation.evaluation_folder import EvaluationFolder
from mle_gym.evaluation.plan import Episode, Plan
from mle_gym.evaluation.play_episode import Phase
from mle_gym.evaluation.result import Result

__all__ = ["Engine", "Watch"]


class Watch(Protocol):
    """Is told what happens, to show it."""

    def began(self, episode: Episode) -> None:
        """An episode is being played."""

    def changed(self, episode: Episode, phase: Phase) -> None:
        """It does something else now."""

    def ended(self, episode: Episode, result: Result) -> None:
        """Its result is written."""


class Engine(Protocol):
    """Plays episodes."""

    def play(
        self, plan: Plan, episodes: Sequence[Episode], folder: EvaluationFolder, watch: Watch
    ) -> Iterator[tuple[Episode, Result]]:
        """Play all of them, and yield each with its result as soon as it has one.

        Closing the iterator ends what is being played. Nothing that it has not yielded counts.
        """

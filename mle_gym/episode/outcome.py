"""What one step of an episode comes to: the five values that Gymnasium's ``step`` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.episode.settings import Settings
    from mle_gym.sandbox.files import Files

__all__ = ["Info", "Outcome", "Record"]


class Info(dict[str, Any]):
    """The info of a step or a reset, in which ``info["failure"]`` is None unless there is one.

    The key is absent then: Gymnasium's vector environments can't collate None in one environment
    with a dict in another.
    """

    def __missing__(self, key: str) -> None:
        if key != "failure":
            raise KeyError(key)


class Outcome(NamedTuple):
    """How a step ended."""

    observation: dict[str, Any]
    reward: float
    terminated: bool
    truncated: bool
    info: Info


@dataclass(frozen=True)
class Record:
    """What an episode was made of and what came of it, for its trajectory."""

    dataset: Dataset
    settings: Settings
    validate_calls: int
    """How often the agent was told about a submission's format."""
    score_calls: int
    predictions: bytes | None
    """What was graded; None before the end, or if there was nothing."""
    program: Files | None
    """What made them, where programs are handed in."""

"""The outcome of a step: the five values that Gymnasium's ``step`` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.episode.settings import Settings
    from mle_gym.grading.grade import Grade
    from mle_gym.sandbox.protocol import Execution, Files

__all__ = ["Info", "Outcome", "Record"]


class Info(dict[str, Any]):
    """The info of a step or a reset, in which ``info["failure"]`` is None unless there is one.

    The key is absent then: Gymnasium's vector environments can't collate None in one environment
    with a dict in another.
    """

    def __missing__(self, key: str) -> None:
        if key != "failure":
            raise KeyError(key)

    def add_execution(self, execution: Execution) -> None:
        """Add a command's measurements; its output and exit code are in the observation."""
        measured = dict(vars(execution))
        del measured["output"], measured["exit_code"]
        self["execution"] = measured

    def add_grade(self, grade: Grade) -> None:
        """Add the grade as plain data."""
        values = grade.to_dict()
        # Vector environments collect ranks in an integer array, which None doesn't fit.
        self["grade"] = values | {"rank": values["rank"] or 0}


class Outcome(NamedTuple):
    """How a step ended."""

    observation: dict[str, Any]
    reward: float
    terminated: bool
    truncated: bool
    info: Info


@dataclass(frozen=True)
class Record:
    """How an episode was made and how it ended, for its trajectory."""

    dataset: Dataset
    settings: Settings
    validate_calls: int
    """How often the agent learned about a submission's format."""
    score_calls: int
    grade: Grade | None
    """None before the end, and after a failure that leaves no grade."""
    predictions: bytes | None
    """What was graded; None before the end, or if there was nothing."""
    program: Files | None
    """The files that made the predictions, if the task asks for programs."""

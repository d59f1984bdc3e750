"""One episode as training data, and the choice of those that are worth training on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from mle_gym.trajectories.audit import audit_trajectory
from mle_gym.trajectories.check_record_fields import require_types
from mle_gym.trajectories.training_data.played_chat import PlayedChat, played_chat
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["INTEGRITY", "Choice", "Integrity", "TrainingRecord", "record_of"]

Integrity = Literal["clean", "note", "suspicious", "violation", "unknown"]
INTEGRITY: Final[tuple[Integrity, ...]] = ("clean", "note", "suspicious", "violation", "unknown")
"""Best first. ``clean``: no rule of the audit matched. ``unknown``: nobody looked."""


@dataclass(frozen=True)
class TrainingRecord:
    """An episode's conversation, and what is known of the episode."""

    name: str
    """The file's, without its ending."""
    chat: PlayedChat
    task: str | None
    variant: int | None
    seed: int | None
    agent: str
    reward: float | None
    """The return; None if the machinery failed or the episode has no end, since it is no 0."""
    anchored: float | None
    """From 0 (knows nothing) to 1 (the reference solution); None if it wasn't measured."""
    integrity: Integrity
    """The gravest finding of the audit (:func:`mle_gym.audit_trajectory`)."""
    failure: str | None = None
    """The kind of failure, or ``"cut_off"`` if the record has no end; None if there was none."""

    def facts(self) -> dict[str, Any]:
        """Everything except the conversation, as plain data."""
        return {name: value for name, value in vars(self).items() if name != "chat"}

    @classmethod
    def of(cls, chat: PlayedChat, facts: Mapping[str, Any]) -> TrainingRecord:
        """The record that :meth:`facts` describes.

        Raises:
            KeyError: A fact is missing.
        """
        return cls(chat=chat, **{name: facts[name] for name in _FACTS})


_FACTS = tuple(name for name in TrainingRecord.__dataclass_fields__ if name != "chat")


@dataclass(frozen=True)
class Choice:
    """Which records become training data."""

    least_reward: float | None = None
    """The lowest return; None for any."""
    with_failures: bool = False
    """Whether episodes without a valid reward are kept, too."""
    worst_integrity: Integrity = "note"
    """The gravest label that is kept."""

    def against(self, record: TrainingRecord) -> str | None:
        """Why a record is left out; None if it is kept."""
        if record.failure and not self.with_failures:
            return f"no valid reward ({record.failure})"
        if INTEGRITY.index(record.integrity) > INTEGRITY.index(self.worst_integrity):
            return f"integrity: {record.integrity}"
        if self.least_reward is not None and (
            record.reward is None or record.reward < self.least_reward
        ):
            return f"reward below {self.least_reward:g}"
        return None


def record_of(path: str | Path) -> TrainingRecord:
    """The training data in a trajectory's file.

    Raises:
        TrajectoryError: It is not a trajectory, or not one of scripts and calls of tools.
        OSError: The file can't be read.
    """
    trajectory = Trajectory.read(path)
    require_types(trajectory, path)
    header, grade = trajectory.header, trajectory.grade or {}
    failure = None if trajectory.complete else "cut_off"
    if trajectory.failure is not None:
        failure = str(trajectory.failure.get("kind"))
    worst = audit_trajectory(path).worst
    return TrainingRecord(
        name=Path(path).stem,
        chat=played_chat(trajectory),
        task=header.get("task"),
        variant=header.get("variant"),
        seed=header.get("seed"),
        agent=header["agent"],
        reward=None if failure else trajectory.episode_return,
        anchored=grade.get("anchored"),
        integrity=next((each for each in INTEGRITY if each == worst), "clean"),
        failure=failure,
    )

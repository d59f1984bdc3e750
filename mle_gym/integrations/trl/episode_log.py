"""The episodes of a training run: the last ones in memory and, if wanted, all of them on disk."""

from __future__ import annotations

import secrets
from collections import deque
from pathlib import Path
from threading import Lock

from mle_gym.trajectories.health import Health, Limits, health
from mle_gym.trajectories.trajectory import Trajectory, TrajectoryWriter

__all__ = ["EpisodeLog"]


class EpisodeLog:
    """Collects what a trainer's environments play; they may do so in several threads.

    Args:
        folder: Where each episode is written as a trajectory; None for nowhere.
        keep: How many of the last episodes are kept in memory.
    """

    def __init__(self, folder: str | Path | None = None, *, keep: int = 256) -> None:
        self._folder = None if folder is None else Path(folder)
        self._last: deque[tuple[Trajectory, float | None]] = deque(maxlen=keep)
        self._lock = Lock()

    @property
    def episodes(self) -> list[Trajectory]:
        """The last episodes, oldest first."""
        with self._lock:
            return [trajectory for trajectory, _ in self._last]

    @property
    def rewards(self) -> list[float | None]:
        """What entered training for each of them; None for those that were masked."""
        with self._lock:
            return [reward for _, reward in self._last]

    def add(self, trajectory: Trajectory, reward: float | None) -> None:
        """Keep an episode that is over."""
        with self._lock:
            self._last.append((trajectory, reward))
        if self._folder is None:
            return
        task, variant = trajectory.header.get("task"), trajectory.header.get("variant")
        writer = TrajectoryWriter(self._folder / f"{task}-{variant}-{secrets.token_hex(6)}.jsonl")
        try:
            writer.header(trajectory.header)
            for step in trajectory.steps:
                writer.step(step)
            if trajectory.footer is not None:
                writer.footer(trajectory.footer)
        finally:
            writer.close()

    def health(self, limits: Limits | None = None) -> Health:
        """Whether training on the last episodes goes right (:func:`mle_gym.health`)."""
        with self._lock:
            last = list(self._last)
        rewards = [reward for _, reward in last]
        return health((trajectory for trajectory, _ in last), rewards=rewards, limits=limits)

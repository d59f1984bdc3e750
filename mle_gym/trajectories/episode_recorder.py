"""Records an episode that others play, action by action, while :func:`rollout` asks an agent."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mle_gym.env import MLEEnv
from mle_gym.trajectories.provenance import result
from mle_gym.trajectories.rollout import plain, record_footer, record_header
from mle_gym.trajectories.trajectory import Step, TrajectoryWriter

__all__ = ["EpisodeRecorder"]


class EpisodeRecorder:
    """The record of one episode. Each step is on disk before the next one begins.

    Args:
        env: Has just been reset.
        agent: Has the name of who plays, as its attribute ``name``.
        path: A new JSONL file.
        opening: What ``reset`` returned.
        seed: What it was given.
        options: As well.

    Raises:
        FileExistsError: There is something at ``path``.
    """

    def __init__(
        self,
        env: MLEEnv,
        agent: object,
        path: Path,
        opening: tuple[Any, dict[str, Any]],
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self._env, self._began = env, time.monotonic()
        self._steps: list[Step] = []
        self._writer = TrajectoryWriter(path)
        self._writer.header(record_header(env, agent, seed, options, *opening))

    def step(self, action: Any, outcome: tuple[Any, float, bool, bool, dict[str, Any]]) -> None:
        """Record a step."""
        observation, reward, terminated, truncated, info = outcome
        seconds = round(time.monotonic() - self._began, 6)
        self._steps.append(
            Step(plain(action), plain(observation), float(reward), terminated, truncated,
                 plain(info), seconds)
        )  # fmt: skip
        self._writer.step(self._steps[-1])

    def end(self, left: str | None) -> None:
        """Complete the record.

        Args:
            left: Why the player stopped before the episode ended; None if it didn't.
        """
        footer = record_footer(self._steps, time.monotonic() - self._began)
        self._writer.footer({"left": left, **footer, **result(self._env)})
        self._writer.close()

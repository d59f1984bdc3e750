"""Records an episode step by step: in memory and, if wanted, in a file."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym

from mle_gym.episode.snapshot import Snapshot
from mle_gym.trajectories.provenance import provenance, result
from mle_gym.trajectories.space_json import as_read
from mle_gym.trajectories.trajectory import Step, Trajectory, TrajectoryWriter

__all__ = ["EpisodeRecorder"]


@dataclass
class EpisodeRecorder:
    """The record of one episode so far. Each step is on disk before the next one begins."""

    env: gym.Env[Any, Any]
    header: dict[str, Any]
    writer: TrajectoryWriter | None = None
    """Has written the header and the steps that there are; None keeps the record in memory."""
    steps: list[Step] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    """The moment of ``time.monotonic()`` at which the episode began, or would have without a
    pause."""
    left: str | None = None
    """Why the player stopped before the environment ended the episode; None if it didn't."""

    @classmethod
    def begin(
        cls,
        env: gym.Env[Any, Any],
        agent: object,
        opening: tuple[Any, dict[str, Any]],
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
        writer: TrajectoryWriter | None = None,
    ) -> EpisodeRecorder:
        """Begin the record of an episode.

        Args:
            env: Has just been reset.
            agent: Has the name of who plays, as its attribute ``name``, or else by its type.
            opening: What ``reset`` returned.
            seed: What it was given.
            options: What it was given, too.
            writer: A new file, or None.
        """
        observation, info = opening
        header = {
            "agent": getattr(agent, "name", type(agent).__name__),
            "seed": seed,
            "options": _described(options),
            **provenance(env, info),
            "observation": observation,
            "info": info,
        }
        if writer is not None:
            writer.header(header)
        return cls(env, header, writer)

    @property
    def over(self) -> bool:
        """Whether the environment has ended the episode."""
        return bool(self.steps) and (self.steps[-1].terminated or self.steps[-1].truncated)

    @property
    def seconds(self) -> float:
        """Of wall-clock time since the episode began."""
        return round(time.monotonic() - self.began, 6)

    def step(
        self, action: Any, outcome: tuple[Any, ...], turn: dict[str, Any] | None = None
    ) -> Step:
        """Record a step.

        Args:
            action: What ``env.step`` was given.
            outcome: The five values that it returned.
            turn: What the agent says that the action cost, if it says so.
        """
        observation, reward, terminated, truncated, info = outcome
        step = Step(
            action=as_read(action),
            observation=as_read(observation),
            reward=float(reward),
            terminated=bool(terminated),
            truncated=bool(truncated),
            info=as_read(info),
            time=self.seconds,
            turn=None if turn is None else as_read(turn),
        )
        self.steps.append(step)
        if self.writer is not None:
            self.writer.step(step)
        return step

    def end(self) -> Trajectory:
        """Complete the record, and close its file."""
        footer = {"left": self.left, **self._ending(), **result(self.env)}
        head = ""
        if self.writer is not None:
            self.writer.footer(footer)
            self.writer.close()
            head = self.writer.head
        return Trajectory(as_read(self.header), tuple(self.steps), as_read(footer), head=head)

    def _ending(self) -> dict[str, Any]:
        """How the episode ended; ``provenance.result`` adds what was graded."""
        last = self.steps[-1] if self.steps else None
        return {
            "steps": len(self.steps),
            "return": sum(step.reward for step in self.steps),
            "terminated": bool(last and last.terminated),
            "truncated": bool(last and last.truncated),
            "grade": last.info.get("grade") if last else None,
            "duration": self.seconds,
        }


def _described(options: dict[str, Any] | None) -> dict[str, Any] | None:
    """Options as plain data. A snapshot is described, since its files are not in the record."""
    snapshot = (options or {}).get("snapshot")
    if options is None or not isinstance(snapshot, Snapshot):
        return options
    return options | {"snapshot": snapshot.to_dict()}

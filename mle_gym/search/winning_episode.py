"""Hands in the best attempt, as an episode that leads from the draft to the submission."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mle_gym.env import MLEEnv
from mle_gym.episode.snapshot import Snapshot
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.trajectory import Step, Trajectory, TrajectoryWriter

__all__ = ["hand_in"]


class SubmitAgent:
    """Hands in what is there."""

    name = "submit"

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Nothing is remembered."""

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """Submit."""
        return {"tool": "submit"}


def hand_in(
    env: MLEEnv, state: Snapshot, records: Sequence[Path], agent: str, path: Path
) -> Trajectory:
    """Submit in a state, and record the episode that led there, which can be verified.

    Every attempt began in the state that the one before it left. So their steps, one attempt after
    the other, are an episode: the one that an agent would have played who tried nothing else.

    Args:
        env: Plays the last step.
        state: What the last attempt left.
        records: The trajectories of the attempts, from the draft on.
        agent: The name in the record.
        path: The record, which replaces one of an interrupted run.
    """
    before = [Trajectory.read(record) for record in records]
    last = rollout(env, SubmitAgent(), options={"snapshot": state})
    steps = tuple(_in_sequence([*before, last]))
    header = before[0].header | {"agent": agent, "options": None}
    footer = dict(last.footer or {}) | {
        "left": None,
        "steps": len(steps),
        "return": sum(step.reward for step in steps),
        "duration": steps[-1].time,
    }
    path.unlink(missing_ok=True)
    with contextlib.closing(TrajectoryWriter(path)) as writer:
        writer.header(header)
        for step in steps:
            writer.step(step)
        writer.footer(footer)
    return Trajectory.read(path)


def _in_sequence(parts: Sequence[Trajectory]) -> Iterator[Step]:
    """The steps of all parts; the time runs on from one to the next."""
    begun = 0.0
    for part in parts:
        for step in part.steps:
            yield dataclasses.replace(step, time=round(begun + step.time, 6))
        begun += part.steps[-1].time

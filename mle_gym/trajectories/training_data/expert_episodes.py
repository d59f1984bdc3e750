"""Episodes of the experts: each task's own solution, played in honest steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mle_gym.agents import load_agent
from mle_gym.datasets.dataset import Size
from mle_gym.episode.variants import draw_variant
from mle_gym.errors import AgentError, DatasetError, TaskError, TrajectoryError
from mle_gym.make_env import make
from mle_gym.tasks.suites import find_suite, tasks_of
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["ExpertEpisode", "expert_episodes"]


@dataclass(frozen=True)
class ExpertEpisode:
    """One episode of an expert."""

    task: str
    path: Path
    """Its trajectory."""
    problem: str = ""
    """Why it couldn't be played; empty if it was."""


def expert_episodes(
    suite: str,
    folder: Path,
    *,
    episodes: int = 1,
    seed: int = 0,
    variant: int | str = "train",
    size: Size | None = None,
) -> Iterator[ExpertEpisode]:
    """Let the expert play every task of a suite that may be trained on.

    The agent ``expert`` looks at the data, writes the task's ``solution.py``, runs it, validates
    its file and submits. A trajectory that is in the folder already isn't played again, so that a
    run that was stopped goes on where it was.

    Args:
        suite: Its name; families of ``heldout-families`` are left out.
        folder: Where the trajectories are kept.
        episodes: How many for each task, each on a variant of its own.
        seed: Which variants are drawn.
        variant: What they are drawn from, or a single one.
        size: How much data generated tasks have; by default the suite's own.

    Raises:
        TaskError: There is no such suite.
        ValueError: The variant isn't valid.
    """
    wanted = size or find_suite(suite).size
    for task in tasks_of(suite, training=True):
        chosen: Size = "small" if task.data.real else wanted  # real data have no other
        # Of the name, so that another task in the suite changes nothing.
        rng = np.random.default_rng([seed, *task.id.encode()])
        for _ in range(episodes):
            number = draw_variant(variant, rng)
            path = folder / f"{task.id}-{chosen}-{number}.jsonl"
            yield ExpertEpisode(task.id, path, _play(task.id, path, number, chosen))


def _play(task: str, path: Path, variant: int, size: Size) -> str:
    """Play one episode; what was wrong, if it can't be played here."""
    if _is_complete(path):
        return ""
    path.unlink(missing_ok=True)
    try:
        with make(task, variant=variant, size=size, reward="anchored") as env:
            rollout(env, load_agent("expert"), path=path)
    except (AgentError, DatasetError, TaskError) as error:
        path.unlink(missing_ok=True)
        return str(error)
    return ""


def _is_complete(path: Path) -> bool:
    try:
        return Trajectory.read(path).complete
    except (OSError, TrajectoryError):
        return False

"""Plays episodes on a Ray cluster; importing this module requires Ray (``mle-gym[ray]``).

Each episode is a Ray task that reserves the processors, the memory and the GPUs that its sandbox
may use. Inside the task the episode has a process of its own, as on one machine, so that an agent
can only ever end itself; whatever else ends a task is a machine's loss, and Ray plays the episode
again elsewhere. The results come back to the machine that asked, which alone writes the folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from mle_gym.episode.failures import Failure
from mle_gym.evaluation.engine import Watch
from mle_gym.evaluation.evaluation_folder import EvaluationFolder
from mle_gym.evaluation.local_engine import Capacity, LocalEngine
from mle_gym.evaluation.plan import Episode, Plan
from mle_gym.evaluation.play_episode import unplayed
from mle_gym.evaluation.result import Result
from mle_gym.evaluation.run_evaluation import Unwatched

__all__ = ["RayEngine"]

LOSSES = 5
"""How often an episode is played again because its machine was lost."""
AHEAD = 2
"""How many episodes wait in the cluster for each one that runs, so that no machine idles."""
MIB = 2**20


@dataclass(frozen=True)
class _Played:
    """What a task returns: the result, and the files that belong to it."""

    result: Result
    files: dict[str, bytes]


class RayEngine:
    """Plays on a Ray cluster.

    Args:
        address: The cluster's, as ``ray.init`` accepts it (``"auto"``, ``"ray://head:10001"``);
            None starts one on this machine.
        jobs: The most episodes at a time; by default as many as the cluster has room for.
    """

    def __init__(self, address: str | None = None, jobs: int | None = None) -> None:
        self._jobs = jobs
        if not ray.is_initialized():
            ray.init(address=address, log_to_driver=False, include_dashboard=False)

    def play(
        self, plan: Plan, episodes: Sequence[Episode], folder: EvaluationFolder, watch: Watch
    ) -> Iterator[tuple[Episode, Result]]:
        """See :meth:`mle_gym.evaluation.engine.Engine.play`."""
        waiting = iter(episodes)
        running: dict[Any, Episode] = {}
        try:
            while True:
                for episode in waiting:
                    watch.began(episode)
                    running[self._submit(plan, episode)] = episode
                    if len(running) >= self._most():
                        break
                if not running:
                    return
                ready, _ = ray.wait(list(running), num_returns=1)
                for reference in ready:
                    episode = running.pop(reference)
                    yield episode, _received(reference, episode, folder)
        finally:
            for reference in running:
                with contextlib.suppress(Exception):  # the cluster may be gone
                    ray.cancel(reference, force=True, recursive=True)

    def _most(self) -> int:
        """How many episodes to have in the cluster: never all of a large evaluation."""
        if self._jobs is not None:
            return self._jobs
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        cpus = resources.get("CPU", 1.0)
        return max(2, int(cpus * (1 + AHEAD)))

    def _submit(self, plan: Plan, episode: Episode) -> Any:
        needs, largest = Capacity.of_episode(plan, episode), _largest_node()
        gpus = plan.environment.get("gpus") or ()
        task = _play.options(  # one that fits no machine has the largest for itself
            num_cpus=min(needs.cpus, largest.cpus),
            memory=int(min(needs.memory_mb, largest.memory_mb) * MIB),
            num_gpus=len(gpus),
            max_retries=LOSSES,
            name=episode.id,
        )
        return task.remote(plan, episode, os.environ.get("MLE_GYM_SECRET"))


def _largest_node() -> Capacity:
    """The most that any machine of the cluster has."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    found = [node["Resources"] for node in nodes if node["Alive"]]
    cpus = max((each.get("CPU", 0.0) for each in found), default=1.0)
    memory = max((each.get("memory", 0.0) for each in found), default=0.0)
    return Capacity(cpus, memory / MIB)


@ray.remote
def _play(plan: Plan, episode: Episode, secret: str | None) -> _Played:
    """Play an episode in a folder of its own, and return what it left there."""
    if secret is not None:
        os.environ["MLE_GYM_SECRET"] = secret  # variants are drawn from it
    place = Path(tempfile.mkdtemp(prefix="mle-gym-ray-"))
    try:
        files = EvaluationFolder(place)
        engine = LocalEngine(jobs=1, capacity=Capacity(0, 0))  # one always runs
        ((_, result),) = engine.play(plan, [episode], files, Unwatched())
        start = files.log_path(episode).with_suffix("").name
        kept = [each for each in place.rglob("*") if each.name.startswith(f"{start}.")]
        return _Played(result, {files.relative(each): each.read_bytes() for each in kept})
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _received(reference: Any, episode: Episode, folder: EvaluationFolder) -> Result:
    """Fetch an episode's result and write its files; if all its machines were lost, a failure."""
    try:
        played: _Played = ray.get(reference)
    except ray.exceptions.RayError as error:
        failure = Failure("host_error", "step", f"Ray lost the episode: {error}".strip()[:2000])
        return unplayed(
            episode,
            status="failed",
            reason=failure.kind,
            message=failure.message,
            failure=failure.to_dict(),
        )
    folder.set_aside(episode)
    for name, content in played.files.items():
        path = folder.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return played.result

"""Plays episodes on this machine, in processes that an agent may hang or kill."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.episode.failures import Failure
from mle_gym.evaluation.engine import Watch
from mle_gym.evaluation.evaluation_folder import EvaluationFolder
from mle_gym.evaluation.plan import Episode, Plan
from mle_gym.evaluation.play_episode import Phase, play_episode, unplayed, with_record
from mle_gym.evaluation.result import Result
from mle_gym.sandbox import machine
from mle_gym.tasks.benchmark_conditions import CONDITIONS
from mle_gym.tasks.catalog import load_task

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

__all__ = ["Capacity", "LocalEngine"]

PRELOADED = [
    "mle_gym.evaluation.local_engine",
    "mle_gym.grading.open_grader",  # with pandas
    "mle_gym.sandbox.bubblewrap.backend",
]
"""Modules that would take each process a second to import."""
PATIENCE = 1.0
"""Seconds between two looks at the clocks of agents that think."""


@dataclass(frozen=True)
class Capacity:
    """Processors, and memory in MiB: what a machine has, or what an episode's sandbox may use."""

    cpus: float
    memory_mb: float

    @classmethod
    def of_machine(cls) -> Capacity:
        """What this process may use."""
        return cls(machine.processors(), machine.memory_mb())

    @classmethod
    def of_episode(cls, plan: Plan, episode: Episode) -> Capacity:
        """What the episode's sandbox may use, on a machine that has it."""
        task, changed = load_task(episode.task), plan.environment.get("limits") or {}
        own = CONDITIONS.get(
            plan.environment.get("conditions") or task.limits.conditions or "", task.limits
        )
        return cls(
            float(changed.get("cpus", own.cpus)), float(changed.get("memory_mb", own.memory_mb))
        )

    def less(self, other: Capacity) -> Capacity:
        """What is left beside the other."""
        return Capacity(self.cpus - other.cpus, self.memory_mb - other.memory_mb)

    def holds(self, other: Capacity) -> bool:
        """Whether the other fits."""
        return other.cpus <= self.cpus and other.memory_mb <= self.memory_mb


class LocalEngine:
    """Plays as many episodes at a time as the machine holds by the limits that tasks declare.

    Args:
        jobs: The most at a time; by default as many as fit. One always runs, even if it is larger
            than the machine.
        capacity: What there is to share; by default all of this machine.
        grace: Seconds that an agent may think after its episode's time, whose end it notices at its
            next step. Then it hangs, and its process is ended.
    """

    def __init__(
        self, jobs: int | None = None, capacity: Capacity | None = None, grace: float = 30.0
    ) -> None:
        if jobs is not None and jobs < 1:
            raise ValueError(f"jobs: expected at least 1, found {jobs}")
        self._jobs, self._grace = jobs, grace
        self._capacity = capacity or Capacity.of_machine()
        self._context = multiprocessing.get_context("forkserver")
        # Each process is a fork of one that has imported what episodes need.
        self._context.set_forkserver_preload(PRELOADED)

    def play(
        self, plan: Plan, episodes: Sequence[Episode], folder: EvaluationFolder, watch: Watch
    ) -> Iterator[tuple[Episode, Result]]:
        """See :meth:`mle_gym.evaluation.engine.Engine.play`."""
        # Read once: a task that breaks while this runs is a failure of its own episodes.
        needs = {each.task: Capacity.of_episode(plan, each) for each in episodes}
        waiting = [(each, needs[each.task]) for each in episodes]
        workers: list[_Worker] = []
        try:
            while waiting or any(worker.episode for worker in workers):
                self._begin(plan, waiting, workers, folder, watch)
                ready = connection.wait([each.connection for each in workers], PATIENCE)
                for worker in list(workers):
                    if worker.connection in ready:
                        yield from self._hear(worker, workers, folder, watch)
                    elif worker.is_late(self._grace):
                        workers.remove(worker)
                        yield worker.episode_now, worker.end_hung(folder)
        finally:
            for worker in workers:
                worker.end()

    def _begin(
        self,
        plan: Plan,
        waiting: list[tuple[Episode, Capacity]],
        workers: list[_Worker],
        folder: EvaluationFolder,
        watch: Watch,
    ) -> None:
        """Give out every episode for which there is room, in the order of the plan."""
        busy = [worker for worker in workers if worker.episode]
        free = self._capacity
        for worker in busy:
            free = free.less(worker.needs)
        for episode, needs in list(waiting):
            if self._jobs is not None and len(busy) >= self._jobs:
                return
            if busy and not free.holds(needs):
                if free.cpus <= 0 or free.memory_mb <= 0:
                    return
                continue
            idle = [worker for worker in workers if not worker.episode]
            worker = idle[0] if idle else _Worker.start(self._context, plan, folder)
            if not idle:
                workers.append(worker)
            waiting.remove((episode, needs))
            watch.began(episode)
            worker.give(episode, needs)
            busy.append(worker)
            free = free.less(needs)

    def _hear(
        self, worker: _Worker, workers: list[_Worker], folder: EvaluationFolder, watch: Watch
    ) -> Iterator[tuple[Episode, Result]]:
        """Take one message from a process, or notice that it has ended."""
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            workers.remove(worker)
            if worker.episode:
                yield worker.episode, worker.end_dead(folder)
            else:
                worker.end()
            return
        if isinstance(message, Phase):
            worker.enter(message)
            watch.changed(worker.episode_now, message)
        else:
            episode = worker.episode_now
            worker.episode = None
            yield episode, message


@dataclass
class _Worker:
    """A process that plays one episode after another."""

    process: ForkServerProcess
    connection: Connection[Any, Any]
    episode: Episode | None = None
    needs: Capacity = Capacity(0, 0)
    phase: Phase = field(default_factory=lambda: Phase("starting"))
    since: float = 0.0

    @classmethod
    def start(cls, context: Any, plan: Plan, folder: EvaluationFolder) -> _Worker:
        """Start a process."""
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_work, args=(theirs, plan, folder.path, os.environ.copy()), daemon=False
        )
        process.start()
        theirs.close()
        return cls(process, ours)

    @property
    def episode_now(self) -> Episode:
        """What it plays."""
        if self.episode is None:
            raise RuntimeError("a process without an episode said something of one")
        return self.episode

    def give(self, episode: Episode, needs: Capacity) -> None:
        """Let it play an episode. If it has died meanwhile, that shows when it is heard."""
        self.episode, self.needs = episode, needs
        self.enter(Phase("starting"))
        with contextlib.suppress(OSError):
            self.connection.send(episode)

    def enter(self, phase: Phase) -> None:
        """It does something else now."""
        self.phase, self.since = phase, time.monotonic()

    def is_late(self, grace: float) -> bool:
        """Whether its agent has taken longer than it may."""
        limit = self.phase.seconds if self.episode else None
        return limit is not None and time.monotonic() - self.since > limit + grace

    def end_hung(self, folder: EvaluationFolder) -> Result:
        """End the process of an agent that hangs."""
        took = time.monotonic() - self.since
        self.end()
        message = f"the agent did not come back from {self.phase.doing} within {took:.0f} s"
        episode = self.episode_now
        result = unplayed(episode, status="agent_failed", reason="hung", message=message)
        return with_record(result, episode, folder)

    def end_dead(self, folder: EvaluationFolder) -> Result:
        """What an episode came to whose process has ended."""
        self.process.join(5)
        code = self.process.exitcode
        self.end()
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        message = f"the process that played the episode ended with {how} during {self.phase.doing}"
        episode = self.episode_now
        if self.phase.is_agents:
            result = unplayed(
                episode, status="agent_failed", reason="process_ended", message=message
            )
        else:
            failure = Failure("host_error", "step", message)
            result = unplayed(
                episode,
                status="failed",
                reason=failure.kind,
                message=message,
                failure=failure.to_dict(),
            )
        return with_record(result, episode, folder)

    def end(self) -> None:
        """End the process, and with it its sandboxes."""
        with contextlib.suppress(OSError):
            self.connection.close()  # an idle process ends when it reads that
        self.process.join(0 if self.episode else 2)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _work(
    line: Connection[Any, Any], plan: Plan, folder: Path, environment: dict[str, str]
) -> None:
    """The process's main function: play what comes, until nothing can come any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that gives orders ends this one
    os.environ.clear()
    os.environ.update(environment)
    files = EvaluationFolder(folder)
    while True:
        try:
            episode = line.recv()
        except (EOFError, OSError):
            return
        log = files.log_path(episode)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab", buffering=0) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        line.send(play_episode(plan, episode, files, line.send))

"""What a server offers, and the episodes that its clients play."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mle_gym.env import MLEEnv
from mle_gym.episode.arguments import RESET_OPTIONS, SERVED, check_name
from mle_gym.episode.rewards import REWARDS
from mle_gym.integrations.openenv.server_metrics import ServerMetrics
from mle_gym.tasks.catalog import load_task
from mle_gym.text import listing, nearest

__all__ = ["EpisodeService", "Wish"]


@dataclass(frozen=True)
class Wish:
    """What a client wants to play, checked."""

    task: str
    arguments: dict[str, Any]
    """For the environment."""
    options: dict[str, Any]
    """For its reset."""


@dataclass(eq=False)
class EpisodeService:
    """The rules of a server, and what it shares between sessions.

    Args:
        tasks: Ids of the tasks that may be played; empty for all that this machine knows.
        arguments: Of the environments. Clients may change those of
            :data:`~mle_gym.episode.arguments.SERVED`, and no other.
        sessions: The most episodes at the same time.
        idle: Seconds after which a client that sends nothing loses its session.
        folder: Where each episode is recorded as a trajectory; None for nowhere.

    Raises:
        TaskError: No such task.
        TypeError: An argument is unknown.
        ValueError: An argument, or a number, is not valid.
    """

    tasks: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sessions: int = 64
    idle: float = 600.0
    folder: Path | None = None
    metrics: ServerMetrics = field(default_factory=ServerMetrics, init=False)
    pool: ThreadPoolExecutor = field(init=False, repr=False)
    """Where episodes run: each step of a session keeps one thread."""

    def __post_init__(self) -> None:
        if self.sessions < 1 or self.idle <= 0:
            raise ValueError("sessions must be at least 1, and idle a positive number of seconds")
        ids = tuple(load_task(name).id for name in self.tasks)
        for name in ids or ("titanic",):
            MLEEnv(name, **self.arguments)  # refuses an argument now, and not at the first reset
        self.tasks = ids
        self.pool = ThreadPoolExecutor(self.sessions, thread_name_prefix="episode")

    def wish(self, task: Any, values: Mapping[str, Any]) -> Wish:
        """Check what a client sent with its reset.

        Raises:
            TaskError: No such task, or it isn't offered here.
            TypeError: An argument is unknown.
            ValueError: An argument is for the server to decide, or isn't valid.
        """
        chosen = self._task(task)
        given = {name: value for name, value in values.items() if value is not None}
        for name in given:
            check_name(name)
            if name not in SERVED:
                raise ValueError(f"{name} is decided by the server, so leave it out")
        reward = given.get("reward", self.arguments.get("reward", "score"))
        if reward not in REWARDS and "reward" in given:
            raise ValueError(f"no reward is called {reward!r}{nearest(reward, REWARDS)}")
        options = {name: given.pop(name) for name in RESET_OPTIONS if name in given}
        return Wish(chosen, {**self.arguments, **given}, options)

    def new_record(self, info: Mapping[str, Any]) -> Path | None:
        """A new file for the record of an episode that begins with this info."""
        if self.folder is None:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{info['task']}-{info['variant']}-{secrets.token_hex(6)}.jsonl"

    def close(self) -> None:
        """End the threads in which episodes were played. Idempotent."""
        self.pool.shutdown(wait=False, cancel_futures=True)

    def _task(self, name: Any) -> str:
        """The id of a task. A path would let clients run code of this machine's folders."""
        if name is None and len(self.tasks) == 1:
            return self.tasks[0]
        if not isinstance(name, str) or os.sep in name.removeprefix("mle/"):
            offered = f" ({listing(self.tasks)})" if self.tasks else ""
            raise ValueError(f"name a task by its id, such as task='titanic'{offered}")
        chosen = load_task(name).id
        if self.tasks and chosen not in self.tasks:
            raise ValueError(f"{chosen} isn't played here; what is: {listing(self.tasks)}")
        return chosen

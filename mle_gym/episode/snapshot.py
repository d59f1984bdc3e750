"""A moment of an episode as a value, from which any number of episodes can continue.

snapshot = env.unwrapped.snapshot()
env.reset(options={"snapshot": snapshot})         # here, or in any environment of the same task
snapshot.delete()
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mle_gym.datasets.dataset import DatasetOptions
from mle_gym.episode.rewards import Progress
from mle_gym.errors import SnapshotError
from mle_gym.grading.grade import Grade
from mle_gym.regular_files import read_whole, write_atomically
from mle_gym.sandbox.snapshots.store import Lease, current_store, open_store

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.episode.settings import Settings
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Snapshot", "checked"]

MOST_BYTES = 64 * 2**20
"""Of a file with a snapshot's values, whose longest is an observation's text."""
_NAME = re.compile(r"[0-9a-f]{16}")
_KINDS: dict[str, type | tuple[type, ...]] = {
    "task": str,
    "options": dict,
    "dataset": str,
    "steps_taken": int,
    "seconds_used": (int, float),
    "score_calls_used": int,
    "validate_calls_used": int,
    "progress": dict,
    "output": str,
    "exit_code": int,
    "name": str,
}


@dataclass(frozen=True)
class Snapshot:
    """Files, working directory, variables, functions, budget and progress of an episode.

    A snapshot does not contain background processes (they are paused while it is taken and then go
    on), anything outside of the workspace (``/tmp``), named pipes and sockets, hard links between
    files (each becomes a file), or extended attributes. Where an ordinary user runs bubblewrap, the
    system call that renames a folder from before the snapshot fails with ``EXDEV`` (``mv`` copies
    the folder instead).

    The files are in the cache folder of this machine. They stay until :meth:`delete` or the end of
    this process. Once the snapshot was pickled or saved, only :meth:`delete` removes them. If all
    snapshots together exceed ``$MLE_GYM_SNAPSHOTS_MB`` (20,000), the ones unused for longest are
    deleted, saved or not. :mod:`mle_gym.sandbox.snapshots.store` has the details. Used as a context
    manager, a snapshot deletes itself.
    """

    task: str
    """The task's environment id."""
    options: DatasetOptions
    dataset: str
    """The dataset's digest."""
    steps_taken: int
    seconds_used: float
    score_calls_used: int
    validate_calls_used: int
    progress: Progress
    output: str
    """The text of the last observation, which ``reset`` returns again."""
    exit_code: int
    folder: Path
    """The store."""
    name: str
    """The workspace's name in the store."""

    def delete(self) -> None:
        """Free the disk space as soon as no running episode needs the files. Idempotent."""
        open_store(self.folder).delete(self.name)

    def lease(self) -> Lease:
        """Keep the files in place while they are used.

        Raises:
            SnapshotError: The files are gone.
        """
        return open_store(self.folder).lease(self.name)

    def adapt(self, task: TaskSpec, settings: Settings) -> Settings:
        """The settings with which an episode continues: a drawn variant becomes this one.

        Raises:
            SnapshotError: The snapshot is of another task or other data, or its budget is spent.
        """
        if self.task != task.env_id:
            raise SnapshotError(f"this snapshot is of {self.task}, not of {task.env_id}")
        if isinstance(settings.variant, str):
            settings = dataclasses.replace(settings, variant=self.options.variant)
        for each in dataclasses.fields(self.options):
            ours, theirs = getattr(self.options, each.name), getattr(settings, each.name)
            if ours != theirs:
                raise SnapshotError(
                    f"this snapshot has {each.name}={ours!r}, and the environment {theirs!r}; "
                    f"reset(options={{'snapshot': …, {each.name!r}: {ours!r}}}) changes that"
                )
        for name, spent, limit in (
            ("max_steps", self.steps_taken, settings.max_steps),
            ("time_limit", self.seconds_used, settings.time_limit),
        ):
            if spent >= limit:
                raise SnapshotError(f"this snapshot has spent {spent:g} of {name}={limit:g}")
        return settings

    def check_data(self, dataset: Dataset) -> None:
        """Refuse data other than the snapshot's own.

        Raises:
            SnapshotError: The task has changed since the snapshot.
        """
        if self.dataset != dataset.digest:
            raise SnapshotError(f"the data of {self.task} have changed since this snapshot")

    def to_dict(self) -> dict[str, Any]:
        """The snapshot as plain data, without its files and without paths on this machine."""
        values = dataclasses.asdict(self)
        del values["folder"]
        return values

    def save(self, path: Path) -> None:
        """Write the values as JSON, and keep the files in the cache when this process ends."""
        open_store(self.folder).keep(self.name)
        write_atomically(path, json.dumps(self.to_dict()))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what :meth:`save` wrote. It runs no code, whoever wrote the file.

        Raises:
            SnapshotError: The file has no snapshot's values.
            OSError: It can't be read.
        """
        try:
            return cls._of(json.loads(read_whole(path, MOST_BYTES)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SnapshotError(f"{path}: expected the values of a snapshot: {error}") from None

    @classmethod
    def _of(cls, values: dict[str, Any]) -> Self:
        for name, kind in _KINDS.items():
            if not isinstance(values[name], kind) or isinstance(values[name], bool):
                raise TypeError(f"{name}: found {type(values[name]).__name__}")
        if not _NAME.fullmatch(values["name"]):  # it is a folder's, which may be deleted
            raise ValueError("name: expected 16 hexadecimal digits")
        grade = values["progress"]["grade"]
        progress = Progress(bool(values["progress"]["promising"]), grade and Grade.from_dict(grade))
        made = {"options": DatasetOptions(**values["options"]), "progress": progress}
        # A file of another person may not say which folder the files are in.
        return cls(**values | made, folder=current_store().folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.delete()

    def __getstate__(self) -> dict[str, Any]:
        """Keep the files when this process ends, since the process that unpickles needs them."""
        open_store(self.folder).keep(self.name)
        return dict(vars(self))


def checked(snapshot: object) -> Snapshot:
    """The value of ``reset(options={"snapshot": …})``, if it is a snapshot.

    Raises:
        ValueError: The value is something else.
    """
    if not isinstance(snapshot, Snapshot):
        raise ValueError(f"options['snapshot'] must come from snapshot(), found {snapshot!r}")
    return snapshot

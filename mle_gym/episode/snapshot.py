"""A moment of an episode as a value, from which any number of episodes can continue.

snapshot = env.unwrapped.snapshot()
env.reset(options={"snapshot": snapshot})         # here, or in any environment of the same task
snapshot.delete()
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mle_gym.datasets.dataset import DatasetOptions
from mle_gym.episode.rewards import Progress
from mle_gym.errors import SnapshotError
from mle_gym.sandbox.snapshots.store import Lease, open_store

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.episode.settings import Settings
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Snapshot", "checked"]


@dataclass(frozen=True)
class Snapshot:
    """Files, working directory, variables, functions, budget and progress of an episode.

    Not in it: processes that run in the background (they are stopped while it is taken, and go on),
    what lies outside of the workspace (``/tmp``), named pipes and sockets, hard links between files
    (each becomes a file), and extended attributes. Where bubblewrap is run by an ordinary user, the
    system call that renames a folder from before the snapshot fails with ``EXDEV`` (``mv`` copies).

    The files are in the cache folder of this machine. They stay until :meth:`delete`, or the end of
    this process; once pickled, until :meth:`delete`. When snapshots take more room than
    ``$MLE_GYM_SNAPSHOTS_MB`` (20,000), those that were not used for longest go, pickled or not.
    :mod:`mle_gym.sandbox.snapshots.store` has the details. As a context manager it deletes itself.
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
    """Of the last observation, which ``reset`` gives again."""
    exit_code: int
    folder: Path
    """The store."""
    name: str
    """The workspace's name in the store."""

    def delete(self) -> None:
        """Free the disk, as soon as no running episode needs the files. Idempotent."""
        open_store(self.folder).delete(self.name)

    def lease(self) -> Lease:
        """Keep the files in place while they are used.

        Raises:
            SnapshotError: They are gone.
        """
        return open_store(self.folder).lease(self.name)

    def adapt(self, task: TaskSpec, settings: Settings) -> Settings:
        """The settings that continue from here: a variant that is drawn becomes this one.

        Raises:
            SnapshotError: Another task, other data, or a budget that is spent already.
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
        """Compare with the data that were prepared.

        Raises:
            SnapshotError: The task has changed since.
        """
        if self.dataset != dataset.digest:
            raise SnapshotError(f"the data of {self.task} have changed since this snapshot")

    def to_dict(self) -> dict[str, Any]:
        """What it is, as plain data without a path of this machine; its files are not in it."""
        values = dataclasses.asdict(self)
        del values["folder"]
        return values

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
        """Pickled, a snapshot outlives this process."""
        open_store(self.folder).keep(self.name)
        return dict(vars(self))


def checked(snapshot: object) -> Snapshot:
    """What ``reset(options={"snapshot": …})`` was given.

    Raises:
        ValueError: It is not a snapshot.
    """
    if not isinstance(snapshot, Snapshot):
        raise ValueError(f"options['snapshot'] must be what snapshot() gave, not {snapshot!r}")
    return snapshot

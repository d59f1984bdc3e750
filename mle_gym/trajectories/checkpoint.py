"""The state of an episode that is being played, so that a run that was stopped can go on."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_gym.episode.snapshot import Snapshot

__all__ = ["Checkpoint", "CheckpointFile"]


@dataclass(frozen=True)
class Checkpoint:
    """A moment between two steps."""

    snapshot: Snapshot
    """The environment's, with the steps and the time that were spent."""
    agent: Any
    """What the agent's ``state`` returned."""
    steps: int
    """Steps of the trajectory so far."""
    seconds: float
    """Of wall-clock time so far."""


class CheckpointFile:
    """The latest checkpoint of an episode.

    Only read files that you wrote: they are pickled, and reading one may run any code.

    Args:
        path: The file, which need not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self.found: Checkpoint | None = None
        """What an earlier run left behind."""
        if self._path.exists():
            self.found = pickle.loads(self._path.read_bytes())

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint, and free the disk space of the one before."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.write_bytes(pickle.dumps(checkpoint))
        fresh.replace(self._path)
        before, self.found = self.found, checkpoint
        if before is not None:
            before.snapshot.delete()

    def discard(self) -> None:
        """Remove it, since the episode is over."""
        self._path.unlink(missing_ok=True)
        if self.found is not None:
            self.found.snapshot.delete()

"""The state of an episode that is being played, so that a run that was stopped can go on."""

from __future__ import annotations

import hmac
import os
import pickle
import secrets
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_gym.episode.snapshot import Snapshot
from mle_gym.errors import CacheError, TrajectoryError
from mle_gym.ownership import own_cache
from mle_gym.regular_files import read_regular, read_whole, write_atomically

__all__ = ["Checkpoint", "CheckpointFile"]

_HASH, _TAG_BYTES, _KEY_BYTES = "sha256", 32, 32


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

    An agent's state is a pickle, and reading a pickle may run any code. So each file begins with an
    HMAC under a key in this user's cache, beside the snapshots that a checkpoint refers to, and a
    file that was written elsewhere is not read.

    Args:
        path: The file, which need not exist.

    Raises:
        TrajectoryError: The file was not written with this cache, or was changed since.
        CacheError: Others may write the cache.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._key = _key()
        self.found: Checkpoint | None = None
        """What an earlier run left behind."""
        if self._path.exists():
            self.found = self._read()

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint, and free the disk space of the one before."""
        content = pickle.dumps(checkpoint)
        write_atomically(self._path, hmac.digest(self._key, content, _HASH) + content)
        before, self.found = self.found, checkpoint
        if before is not None:
            before.snapshot.delete()

    def discard(self) -> None:
        """Remove it, since the episode is over."""
        self._path.unlink(missing_ok=True)
        if self.found is not None:
            self.found.snapshot.delete()

    def _read(self) -> Checkpoint:
        try:
            data = read_regular(self._path)
        except OSError as error:
            raise TrajectoryError(f"{self._path}: {error.strerror}") from error
        tag, content = data[:_TAG_BYTES], data[_TAG_BYTES:]
        if not hmac.compare_digest(tag, hmac.digest(self._key, content, _HASH)):
            raise TrajectoryError(
                f"{self._path}: it was not written with the cache of this user, or has changed "
                "since, so it is not read: a checkpoint can run any code. Delete it to start again"
            )
        found = pickle.loads(content)
        assert isinstance(found, Checkpoint)
        return found


def _key() -> bytes:
    """The key of this user's checkpoints, made at their first.

    Raises:
        CacheError: Others could know it.
    """
    path = own_cache(f"keys-{os.getuid()}") / "checkpoints"  # also in a cache that a group shares
    if not path.exists():
        with tempfile.NamedTemporaryFile(dir=path.parent) as file:  # readable by this user alone
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was first
                os.link(file.name, path)
    status = path.lstat()
    key = read_whole(path, _KEY_BYTES)
    known = status.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or not stat.S_ISREG(status.st_mode)
    if status.st_uid != os.getuid() or known or len(key) != _KEY_BYTES:
        raise CacheError(
            f"{path}: expected {_KEY_BYTES} bytes that only this user can read, because whoever "
            "knows them can write checkpoints that run code. Delete the file: the next run makes "
            "another, and earlier checkpoints can't be read any more"
        )
    return key

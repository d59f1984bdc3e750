"""The folder that holds all snapshots: its size, and what is removed from it.

Any number of processes share it. A process that changes more than its own snapshot holds the lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from mle_gym.ownership import make_private

__all__ = ["StoreFolder", "open_lock"]

CAP_MB = 20_000


class StoreFolder:
    """Counts and removes snapshots. All methods but :meth:`used` require the lock."""

    def __init__(self, path: Path) -> None:
        """Make the folder.

        Raises:
            CacheError: It belongs to somebody else.
        """
        self.path = path
        make_private(path)
        for own in (".owners", ".mount"):
            (path / own).mkdir(exist_ok=True)

    @property
    def most_bytes(self) -> int:
        """How many bytes all snapshots may take on disk."""
        return int(os.environ.get("MLE_GYM_SNAPSHOTS_MB", CAP_MB)) << 20

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock that all processes share."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = open_lock(self.path / ".lock", fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.close(descriptor)

    def used(self) -> int:
        """How many bytes all snapshots take on disk."""
        try:
            return int((self.path / ".used").read_text())
        except (OSError, ValueError):
            return 0

    def count(self, change: int) -> None:
        """Note that the snapshots take so many bytes more, or less if it is negative."""
        (self.path / ".used").write_text(str(max(0, self.used() + change)))

    def make_room(self) -> bool:
        """Delete the least recently used snapshots until the rest fits; returns whether it does."""
        if self.used() <= self.most_bytes:
            return True
        names = [name for name in self._names() if not (self.path / name / "deleted").exists()]
        for name in sorted(names, key=self._last_use):
            if self._is_free(name):
                (self.path / name / "deleted").touch()
                self.collect(name)
                if self.used() <= self.most_bytes:
                    return True
        return False

    def _last_use(self, name: str) -> float:
        with contextlib.suppress(OSError):
            return (self.path / name / "lock").stat().st_mtime
        return 0.0

    def collect(self, name: str) -> None:
        """Remove a deleted snapshot that nobody needs, and layers that it alone needed."""
        own = self.path / name
        if not (own / "deleted").exists() or any((own / "users").iterdir()):
            return
        if not self._is_free(name):
            return
        layers: list[str] = []
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            layers = list(json.loads((own / "info.json").read_bytes())["layers"])
        with contextlib.suppress(OSError, ValueError):
            self.count(-int((own / "size").read_text()))
        shutil.rmtree(own, ignore_errors=True)
        for layer in layers[1:] or self._layers_marked(name):
            with contextlib.suppress(OSError):
                (self.path / layer / "users" / name).unlink()
                self.collect(layer)

    def _layers_marked(self, name: str) -> list[str]:
        """The layers on which a snapshot builds that was never finished."""
        return [each for each in self._names() if (self.path / each / "users" / name).exists()]

    def _is_free(self, name: str) -> bool:
        """Whether nobody holds a lease."""
        try:
            os.close(open_lock(self.path / name / "lock", fcntl.LOCK_EX | fcntl.LOCK_NB))
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def _names(self) -> list[str]:
        return [name for name in os.listdir(self.path) if not name.startswith(".")]  # noqa: PTH208

    def sweep(self) -> None:
        """Remove what no living process owns and nobody asked to keep; count the rest."""
        alive = self._living_owners()
        names = self._names()
        for name in names:
            own = self.path / name
            (own / "users").mkdir(exist_ok=True)
            for user in list((own / "users").iterdir()):
                if user.name not in names:
                    user.unlink()
            owner = ""
            with contextlib.suppress(OSError):
                owner = (own / "owner").read_text()
            finished = (own / "info.json").exists()
            if owner not in alive and not (finished and (own / "kept").exists()):
                (own / "deleted").touch()
        for name in names:
            if (self.path / name).exists():
                self.collect(name)
        (self.path / ".used").write_text("0")
        for name in self._names():
            with contextlib.suppress(OSError, ValueError):
                self.count(int((self.path / name / "size").read_text()))

    def _living_owners(self) -> set[str]:
        alive = set()
        for path in (self.path / ".owners").iterdir():
            try:
                os.close(open_lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB))
                path.unlink(missing_ok=True)
            except OSError:
                alive.add(path.name)
        return alive


def open_lock(path: Path, operation: int) -> int:
    """Make a file if it is not there and lock it; returns its descriptor, which holds the lock.

    Raises:
        OSError: It can't be locked now, and the operation says not to wait.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, operation)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor

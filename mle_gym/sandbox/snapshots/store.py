"""Keeps snapshots' files on the host, and decides how long they stay.

A snapshot stays in ``<cache>/snapshots/<id>`` until

- it is deleted,
- the process that took it ends, unless the snapshot was pickled or saved, or
- there is no room: all snapshots together may take ``$MLE_GYM_SNAPSHOTS_MB`` (20,000) on disk, and
  the least recently used ones are removed first.

What a running sandbox needs stays until the sandbox is closed, and a layer stays as long as a later
snapshot builds on it. Locks of the kernel (``flock``) show which processes are alive, so the next
process that opens the store removes what a killed one left behind.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from mle_gym.errors import SandboxError, SnapshotError
from mle_gym.paths import cache_folder
from mle_gym.sandbox.snapshots.layer import write_layer
from mle_gym.sandbox.snapshots.listing import MOST_LAYERS, Change, Listing
from mle_gym.sandbox.snapshots.store_folder import StoreFolder, open_lock
from mle_gym.sandbox.snapshots.stored_snapshot import (
    SnapshotInfo,
    read_info,
    read_stored_listing,
    summarize,
    write_snapshot,
)
from mle_gym.sandbox.standalone.shared.snapshot_listing import ShellState

__all__ = ["Lease", "Store", "current_store", "open_store"]


class Lease:
    """Keeps one snapshot's files in place until it is released."""

    def __init__(self, store: Store, name: str, descriptor: int) -> None:
        self.store, self.name = store, name
        self._descriptor = descriptor
        store._leases.add(self)

    @functools.cached_property
    def info(self) -> SnapshotInfo:
        """Read the summary.

        Raises:
            SnapshotError: It is damaged.
        """
        return read_info(self.store.folder, self.name)

    @functools.cached_property
    def listing(self) -> Listing:
        """Read all files' descriptions.

        Raises:
            SnapshotError: They are damaged.
        """
        return read_stored_listing(self.store.folder, self.info)

    @property
    def layers(self) -> tuple[Path, ...]:
        """The folders to stack, topmost first."""
        return tuple(self.store.folder / name / "tree" for name in self.info.layers)

    def release(self) -> None:
        """Let go of the snapshot, and remove it if it was deleted in the meantime. Idempotent."""
        if self._descriptor >= 0:
            # Not only closed: a forked child may hold a copy of the descriptor.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = -1
            self.store._leases.discard(self)
            self.store.collect(self.name)


class Store:
    """The snapshots in one folder, shared by any number of processes."""

    def __init__(self, folder: Path) -> None:
        """Make the folder, and sweep what dead processes left in it."""
        self.folder = folder
        self._made: list[str] = []
        self._leases: set[Lease] = set()
        self._pid = os.getpid()
        self._shared = StoreFolder(folder)
        self._owner = uuid.uuid4().hex
        with self._shared.locked():
            open_lock(folder / ".owners" / self._owner, fcntl.LOCK_EX)
            self._shared.sweep()
        atexit.register(self._leave)

    def make(
        self,
        change: Change,
        shell: ShellState,
        base: Lease | None,
        receive: Callable[[], bytes],
    ) -> Lease:
        """Keep a workspace.

        Args:
            change: A checked change.
            shell: The shell's state, which is kept as it is.
            base: The snapshot with which the workspace was compared.
            receive: Returns the next bytes of the contents to receive.

        Raises:
            SnapshotError: It can't be written, or there is no room.
        """
        name = uuid.uuid4().hex[:16]
        below: tuple[str, ...] = base.info.layers if base else ()
        below = below if len(below) < MOST_LAYERS else ()
        lease = self._begin(name, below)
        try:
            if not below:
                # What is received comes first, in the order in which it is sent.
                everything = list(dict.fromkeys([*change.differing, *change.listing]))
                change = change._replace(differing=everything, gone=[])
            listing, size = write_layer(self.folder, name, change, receive)
            change = change._replace(listing=listing)
            info = summarize((name, *below), change, shell, base.info if base and below else None)
            self._finish(name, change, info, size)
        except SandboxError:  # some are an OSError as well
            self._give_up(lease)
            raise
        except OSError as error:
            self._give_up(lease)
            raise SnapshotError(f"a snapshot can't be written: {error}") from None
        except BaseException:
            self._give_up(lease)
            raise
        lease.__dict__["listing"] = listing
        return lease

    def _begin(self, name: str, below: tuple[str, ...]) -> Lease:
        """Make a snapshot's folder, and have the layers that it builds on stay."""
        with self._shared.locked():
            own = self.folder / name
            (own / "users").mkdir(parents=True, mode=0o700)
            (own / "owner").write_text(self._owner)
            lease = Lease(self, name, open_lock(own / "lock", fcntl.LOCK_SH))
            for layer in below:
                (self.folder / layer / "users" / name).touch()
            self._made.append(name)
        return lease

    def _give_up(self, lease: Lease) -> None:
        self.delete(lease.name)
        lease.release()

    def lease(self, name: str) -> Lease:
        """Use a snapshot.

        Raises:
            SnapshotError: There is no such snapshot, or no longer.
        """
        with self._shared.locked():
            folder = self.folder / name
            if not (folder / "info.json").exists() or (folder / "deleted").exists():
                raise SnapshotError(
                    f"snapshot {name} is not in {self.folder}: it was deleted, its process ended "
                    "before it was saved, or it made room for others (MLE_GYM_SNAPSHOTS_MB)"
                )
            os.utime(folder / "lock")
            return Lease(self, name, open_lock(folder / "lock", fcntl.LOCK_SH))

    def keep(self, name: str) -> None:
        """Let a snapshot outlive this process."""
        with contextlib.suppress(OSError):
            (self.folder / name / "kept").touch()

    def delete(self, name: str) -> None:
        """Delete a snapshot. Its files are removed once nothing needs them. Idempotent."""
        if (self.folder / name).is_dir():
            with contextlib.suppress(OSError):
                (self.folder / name / "deleted").touch()
            self.collect(name)

    def collect(self, name: str) -> None:
        """Remove a deleted snapshot's files, and layers that it alone needed."""
        if (self.folder / name / "deleted").exists():
            with self._shared.locked():
                self._shared.collect(name)

    def used(self) -> int:
        """How many bytes all snapshots take on disk."""
        return self._shared.used()

    def _finish(self, name: str, change: Change, info: SnapshotInfo, layer_bytes: int) -> None:
        size = write_snapshot(self.folder / name, change, info, layer_bytes)
        with self._shared.locked():
            self._shared.count(size)
            if not self._shared.make_room():
                most = self._shared.most_bytes >> 20
                raise SnapshotError(
                    f"snapshots take more than {most} MiB and all are in use: delete some, or set "
                    "MLE_GYM_SNAPSHOTS_MB"
                )

    def _leave(self) -> None:
        """At the end of this process, delete the snapshots that it took and never saved."""
        if self._pid != os.getpid():
            return
        with contextlib.suppress(OSError):  # somebody may have removed the cache folder
            for lease in list(self._leases):
                lease.release()
            for name in self._made:
                if not (self.folder / name / "kept").exists():
                    self.delete(name)
            (self.folder / ".owners" / self._owner).unlink(missing_ok=True)


def current_store() -> Store:
    """The store in the cache folder."""
    return open_store(cache_folder().absolute() / "snapshots")


def open_store(folder: Path) -> Store:
    """The store in a folder, the same one throughout a process."""
    store = _stores.get(folder)
    if store is None:
        store = _stores[folder] = Store(folder)
    return store


_stores: dict[Path, Store] = {}
os.register_at_fork(after_in_child=_stores.clear)

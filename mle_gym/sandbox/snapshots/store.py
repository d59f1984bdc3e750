"""Where snapshots' files are kept on the host, and when they go.

A snapshot lies in ``<cache>/snapshots/<id>`` until

- it is deleted,
- the process that took it ends, unless the snapshot was pickled, or
- there is no room: together snapshots take at most ``$MLE_GYM_SNAPSHOTS_MB`` (20,000) on disk,
  and the ones that were not used for the longest time go first.

What a running sandbox needs stays until that sandbox is closed, and a layer that a later snapshot
builds on stays as long as that snapshot. Locks of the kernel's (``flock``) say who lives, so what
a killed process leaves is swept by the next one that opens the store.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import fcntl
import functools
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_gym.errors import SandboxError, SnapshotError
from mle_gym.ownership import make_private
from mle_gym.paths import cache_folder
from mle_gym.sandbox.snapshots.layer import write_layer
from mle_gym.sandbox.snapshots.listing import MOST_LAYERS, Change, Entry, Listing
from mle_gym.sandbox.standalone.shared.snapshot_listing import ShellState

__all__ = ["Lease", "Store", "current_store", "open_store"]

CAP_MB = 20_000
_METADATA_BYTES = 4096


@dataclass(frozen=True)
class Info:
    """What is known of a snapshot without reading its listing."""

    layers: tuple[str, ...]
    """Names of the layers to stack, the snapshot's own first."""
    bytes: int
    """Of all files."""
    witness: str
    """A path that is there when the files are; empty if there are none."""
    modes: tuple[tuple[str, int], ...]
    """Modes that the copy on the host does not have."""
    shell: ShellState


class Lease:
    """Keeps one snapshot's files in place until it is released."""

    def __init__(self, store: Store, name: str, descriptor: int) -> None:
        self.store, self.name = store, name
        self._descriptor = descriptor
        store._leases.add(self)

    @functools.cached_property
    def info(self) -> Info:
        """Read the summary.

        Raises:
            SnapshotError: It is damaged.
        """
        try:
            content = json.loads((self.store.folder / self.name / "info.json").read_bytes())
            content["layers"] = tuple(content["layers"])
            content["modes"] = tuple((path, mode) for path, mode in content["modes"])
            info = Info(**content)
            complete = all((self.store.folder / name / "tree").is_dir() for name in info.layers)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise _damaged(self.name, str(error)) from None
        if not complete:
            raise _damaged(self.name, "a layer is missing")
        return info

    @functools.cached_property
    def listing(self) -> Listing:
        """Read all files' descriptions.

        Raises:
            SnapshotError: They are damaged.
        """
        listing: Listing = {}
        try:
            for name in reversed(self.info.layers):
                layer = json.loads((self.store.folder / name / "listing.json").read_bytes())
                for path in layer["gone"]:
                    del listing[path]
                listing |= {path: _entry(row) for path, row in layer["files"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise _damaged(self.name, str(error)) from None
        return listing

    @property
    def layers(self) -> tuple[Path, ...]:
        """The folders to stack, topmost first."""
        return tuple(self.store.folder / name / "tree" for name in self.info.layers)

    def release(self) -> None:
        """Let go; idempotent. A snapshot that was deleted meanwhile goes now."""
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
        make_private(folder)
        for own in (".owners", ".mount"):
            (folder / own).mkdir(exist_ok=True)
        self._owner = uuid.uuid4().hex
        with self._locked():
            _open_lock(folder / ".owners" / self._owner, fcntl.LOCK_EX)
            self._sweep()
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
            change: Checked.
            shell: Kept as it is.
            base: What the workspace was compared with.
            receive: Gives the bytes of the other contents.

        Raises:
            SnapshotError: It can't be written, or there is no room.
        """
        name = uuid.uuid4().hex[:16]
        below: tuple[str, ...] = base.info.layers if base else ()
        below = below if len(below) < MOST_LAYERS else ()
        with self._locked():
            own = self.folder / name
            (own / "users").mkdir(parents=True, mode=0o700)
            (own / "owner").write_text(self._owner)
            lease = Lease(self, name, _open_lock(own / "lock", fcntl.LOCK_SH))
            for layer in below:
                (self.folder / layer / "users" / name).touch()
            self._made.append(name)
        try:
            if not below:
                # What is received comes first, in the order in which it is sent.
                everything = list(dict.fromkeys([*change.differing, *change.listing]))
                change = change._replace(differing=everything, gone=[])
            listing, size = write_layer(self.folder, name, change, receive)
            change = change._replace(listing=listing)
            modes = _modes(change, base.info.modes if base and below else ())
            info = Info((name, *below), change.bytes, _witness(listing), modes, shell)
            self._finish(own, change, info, size)
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

    def _give_up(self, lease: Lease) -> None:
        self.delete(lease.name)
        lease.release()

    def lease(self, name: str) -> Lease:
        """Use a snapshot.

        Raises:
            SnapshotError: It is not there, or not any more.
        """
        with self._locked():
            folder = self.folder / name
            if not (folder / "info.json").exists() or (folder / "deleted").exists():
                raise SnapshotError(
                    f"snapshot {name} is not in {self.folder}: it was deleted, its process ended "
                    "before it was pickled, or it made room for others (MLE_GYM_SNAPSHOTS_MB)"
                )
            os.utime(folder / "lock")
            return Lease(self, name, _open_lock(folder / "lock", fcntl.LOCK_SH))

    def keep(self, name: str) -> None:
        """Let a snapshot outlive this process."""
        with contextlib.suppress(OSError):
            (self.folder / name / "kept").touch()

    def delete(self, name: str) -> None:
        """Let go of a snapshot; its files go as soon as nothing needs them. Idempotent."""
        if (self.folder / name).is_dir():
            with contextlib.suppress(OSError):
                (self.folder / name / "deleted").touch()
            self.collect(name)

    def collect(self, name: str) -> None:
        """Remove a deleted snapshot's files, and layers that it alone needed."""
        if (self.folder / name / "deleted").exists():
            with self._locked():
                self._collect(name)

    def used(self) -> int:
        """Bytes that all snapshots take on disk."""
        try:
            return int((self.folder / ".used").read_text())
        except (OSError, ValueError):
            return 0

    # ------------------------------------------------------------------------------------ the disk

    def _finish(self, own: Path, change: Change, info: Info, size: int) -> None:
        differing = set(change.differing)  # written in the listing's order: parents come first
        files = {path: entry for path, entry in change.listing.items() if path in differing}
        text = json.dumps({"files": files, "gone": change.gone}).encode()
        (own / "listing.json").write_bytes(text)
        size += len(text) + _METADATA_BYTES
        (own / "size").write_text(str(size))
        (own / "info.new").write_text(json.dumps(dataclasses.asdict(info)))
        (own / "info.new").rename(own / "info.json")
        with self._locked():
            self._count(size)
            if not self._make_room():
                raise SnapshotError(
                    f"snapshots take more than {_cap() >> 20} MiB and all are in use: delete some, "
                    "or set MLE_GYM_SNAPSHOTS_MB"
                )

    def _make_room(self) -> bool:
        """Delete what was not used for longest until the rest fits; whether it does."""
        if self.used() <= _cap():
            return True
        names = [name for name in self._names() if not (self.folder / name / "deleted").exists()]
        for name in sorted(names, key=self._last_use):
            if self._is_free(name):
                (self.folder / name / "deleted").touch()
                self._collect(name)
                if self.used() <= _cap():
                    return True
        return False

    def _last_use(self, name: str) -> float:
        with contextlib.suppress(OSError):
            return (self.folder / name / "lock").stat().st_mtime
        return 0.0

    def _count(self, change: int) -> None:
        (self.folder / ".used").write_text(str(max(0, self.used() + change)))

    def _collect(self, name: str) -> None:
        own = self.folder / name
        if not (own / "deleted").exists() or any((own / "users").iterdir()):
            return
        if not self._is_free(name):
            return
        layers: list[str] = []
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            layers = list(json.loads((own / "info.json").read_bytes())["layers"])
        with contextlib.suppress(OSError, ValueError):
            self._count(-int((own / "size").read_text()))
        shutil.rmtree(own, ignore_errors=True)
        for layer in layers[1:] or self._layers_marked(name):
            with contextlib.suppress(OSError):
                (self.folder / layer / "users" / name).unlink()
                self._collect(layer)

    def _layers_marked(self, name: str) -> list[str]:
        """The layers that a snapshot was to build on which was never finished."""
        return [each for each in self._names() if (self.folder / each / "users" / name).exists()]

    def _is_free(self, name: str) -> bool:
        """Whether nobody holds a lease."""
        try:
            os.close(_open_lock(self.folder / name / "lock", fcntl.LOCK_EX | fcntl.LOCK_NB))
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def _names(self) -> list[str]:
        return [name for name in os.listdir(self.folder) if not name.startswith(".")]  # noqa: PTH208

    # ----------------------------------------------------------------------------------- processes

    def _sweep(self) -> None:
        """Remove what no living process owns and nobody asked to keep; count the rest."""
        alive = self._living_owners()
        names = self._names()
        for name in names:
            own = self.folder / name
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
            if (self.folder / name).exists():
                self._collect(name)
        (self.folder / ".used").write_text("0")
        for name in self._names():
            with contextlib.suppress(OSError, ValueError):
                self._count(int((self.folder / name / "size").read_text()))

    def _living_owners(self) -> set[str]:
        alive = set()
        for path in (self.folder / ".owners").iterdir():
            try:
                os.close(_open_lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB))
                path.unlink(missing_ok=True)
            except OSError:
                alive.add(path.name)
        return alive

    def _leave(self) -> None:
        """This process ends: what it took and never pickled goes with it."""
        if self._pid != os.getpid():
            return
        with contextlib.suppress(OSError):  # somebody may have removed the cache folder
            for lease in list(self._leases):
                lease.release()
            for name in self._made:
                if not (self.folder / name / "kept").exists():
                    self.delete(name)
            (self.folder / ".owners" / self._owner).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = _open_lock(self.folder / ".lock", fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.close(descriptor)


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


def _open_lock(path: Path, operation: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, operation)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _witness(listing: Listing) -> str:
    """A file if there is one: its device number tells more than a folder's."""
    files = (path for path, entry in listing.items() if entry.kind == "f")
    return next(files, next(iter(listing), ""))


def _modes(change: Change, before: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """All modes that differ on the host, parents before their children."""
    modes = {path: mode for path, mode in before if path in change.listing}
    for path in change.differing:
        entry = change.listing[path]
        modes.pop(path, None)
        if entry.kind != "l" and entry.mode != entry.host_mode:
            modes[path] = entry.mode
    return tuple(sorted(modes.items()))


def _entry(row: list[Any]) -> Entry:
    entry = Entry(*row)
    return entry._replace(extents=tuple((offset, length) for offset, length in entry.extents))


def _damaged(name: str, reason: str) -> SnapshotError:
    return SnapshotError(f"snapshot {name} is damaged: {reason}")


def _cap() -> int:
    return int(os.environ.get("MLE_GYM_SNAPSHOTS_MB", CAP_MB)) << 20

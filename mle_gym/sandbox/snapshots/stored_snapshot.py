"""One snapshot on the host's disk: a folder with its layer, its summary and its listing.

``tree`` is the layer, ``listing.json`` describes what is in it, and ``info.json`` is the summary,
which is written last: a folder without it was never finished. The other files are the store's:
``owner`` names the process that took the snapshot, ``users`` holds the names of the snapshots that
build on it, ``lock`` is held by whoever needs it, ``size`` are its bytes on disk, and ``kept`` and
``deleted`` are there when somebody asked for that.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_gym.errors import SnapshotError
from mle_gym.sandbox.snapshots.listing import Change, Entry, Listing
from mle_gym.sandbox.standalone.shared.snapshot_listing import ShellState

__all__ = ["SnapshotInfo", "read_info", "read_stored_listing", "summarize", "write_snapshot"]

_METADATA_BYTES = 4096


@dataclass(frozen=True)
class SnapshotInfo:
    """What is known of a snapshot without reading its listing."""

    layers: tuple[str, ...]
    """Names of the layers to stack, the snapshot's own first."""
    bytes: int
    """The size of all files together."""
    witness: str
    """A path that exists if the files do; empty if there are no files."""
    modes: tuple[tuple[str, int], ...]
    """Paths and modes of files whose copy on the host has another mode."""
    shell: ShellState


def summarize(
    layers: tuple[str, ...], change: Change, shell: ShellState, before: SnapshotInfo | None
) -> SnapshotInfo:
    """The summary of a snapshot.

    Args:
        layers: Names of the layers to stack, the snapshot's own first.
        change: What is in it.
        shell: Kept as it is.
        before: The summary of the snapshot that its layers build on.
    """
    modes = _modes(change, before.modes if before else ())
    return SnapshotInfo(layers, change.bytes, _witness(change.listing), modes, shell)


def write_snapshot(own: Path, change: Change, info: SnapshotInfo, layer_bytes: int) -> int:
    """Write everything but the layer.

    Args:
        own: The snapshot's folder.
        change: What is in it.
        info: Its summary.
        layer_bytes: What the layer takes on disk.

    Returns:
        What all of it takes on disk.
    """
    differing = set(change.differing)  # written in the listing's order: parents come first
    files = {path: entry for path, entry in change.listing.items() if path in differing}
    text = json.dumps({"files": files, "gone": change.gone}).encode()
    (own / "listing.json").write_bytes(text)
    size = layer_bytes + len(text) + _METADATA_BYTES
    (own / "size").write_text(str(size))
    (own / "info.new").write_text(json.dumps(dataclasses.asdict(info)))
    (own / "info.new").rename(own / "info.json")
    return size


def read_info(folder: Path, name: str) -> SnapshotInfo:
    """Read a summary.

    Args:
        folder: Where all snapshots are.
        name: The snapshot's.

    Raises:
        SnapshotError: It is damaged.
    """
    try:
        content = json.loads((folder / name / "info.json").read_bytes())
        content["layers"] = tuple(content["layers"])
        content["modes"] = tuple((path, mode) for path, mode in content["modes"])
        info = SnapshotInfo(**content)
        complete = all((folder / name / "tree").is_dir() for name in info.layers)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _damaged(name, str(error)) from None
    if not complete:
        raise _damaged(name, "a layer is missing")
    return info


def read_stored_listing(folder: Path, info: SnapshotInfo) -> Listing:
    """Read the descriptions of all files of a snapshot: those of its layers, lowest first.

    Raises:
        SnapshotError: They are damaged.
    """
    listing: Listing = {}
    try:
        for name in reversed(info.layers):
            layer = json.loads((folder / name / "listing.json").read_bytes())
            for path in layer["gone"]:
                del listing[path]
            listing |= {path: _entry(row) for path, row in layer["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(info.layers[0], str(error)) from None
    return listing


def _witness(listing: Listing) -> str:
    """Choose a file if there is one, because its device number says more than a folder's."""
    files = (path for path, entry in listing.items() if entry.kind == "f")
    return next(files, next(iter(listing), ""))


def _modes(change: Change, before: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """All modes that differ on the host, with parents before their children."""
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

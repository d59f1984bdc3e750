"""Checks what a sandbox says about the files of its workspace, and compares it with a snapshot.

A snapshot's files are the last few of a chain of layers, folders that overlayfs can stack: each
holds what changed since the one before, and whiteouts for what is gone. After
:data:`MOST_LAYERS` a layer is complete again, made of hard links; nothing ever writes to a layer
once it is made, so links are safe.

Everything in a listing is hostile. A path is accepted only below a folder that the same listing
named before, so no path leads through a link. Links are made last, so that there is no link to
follow while files are written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mle_gym.errors import SnapshotError
from mle_gym.sandbox.standalone.shared.snapshot_listing import Detail, Kind, ScannedWorkspace

__all__ = ["MOST_LAYERS", "Change", "Entry", "Listing", "UnknownFile", "read_listing"]

_PAGE = os.sysconf("SC_PAGE_SIZE")
_SHORT_LINK = 128
"""From this length on, in bytes, a link's target takes up a page."""
_MOST_NAMED = 1 << 25
"""The size of a listing that is sent to a sandbox as one frame, roughly, in bytes."""
MOST_LAYERS = 16
"""A longer chain would cost every look-up of a missing file."""
_MOST_FILES = 100_000
_LATEST = 2**62


class Entry(NamedTuple):
    """A file, folder or link of a workspace."""

    kind: Kind
    mode: int
    modified: int
    """Nanoseconds since the epoch."""
    size: int = 0
    target: str = ""
    extents: tuple[tuple[int, int], ...] = ()
    """Offset and length of each part of a file that is not a hole."""
    layer: str = ""
    """The layer that holds a file's content. Empty if the content still has to be received."""
    inode: int = 0
    """The file's inode in its layer."""
    place: str = ""
    """The content's path in its layer."""

    @property
    def host_mode(self) -> int:
        """The mode of the copy on the host: readable by us, and without set-user-id bits."""
        return (self.mode & 0o777) | (0o700 if self.kind == "d" else 0o400)

    def is_same(self, other: Entry) -> bool:
        """Whether nothing has to be written where ``other`` is."""
        return self == other and (self.kind != "f" or bool(self.layer))

    @property
    def bytes(self) -> int:
        """What it takes on a disk where files consist of whole pages."""
        if len(self.target) >= _SHORT_LINK:
            return _PAGE
        return sum([_pages(offset, offset + length) for offset, length in self.extents])

    def listed(self, path: str) -> int:
        """About how many bytes its row in a listing takes; escapes replace what is not ASCII."""
        names = path + self.target
        return len(names) * (1 if names.isascii() else 12) + 48 * len(self.extents)


Listing = dict[str, Entry]
"""Paths, parents before their children."""


class UnknownFile(ValueError):
    """A file is said to be in the last snapshot and isn't, so all must be compared again."""


class Change(NamedTuple):
    """A workspace, and how it differs from the last snapshot of it."""

    listing: Listing
    differing: Sequence[str]
    gone: Sequence[str]
    bytes: int
    """Of all files."""


def read_listing(scan: ScannedWorkspace, base: Listing, base_bytes: int, most: int) -> Change:
    """Check what a runner sent.

    Args:
        scan: Decoded JSON, which only an honest runner makes what its type says.
        base: The files of the snapshot with which it was compared.
        base_bytes: The size of these files together.
        most: The most bytes that all files may hold together.

    Raises:
        SnapshotError: There is more than that.
        ValueError: No honest runner sends this. The same goes for KeyError and TypeError.
    """
    rows, gone, total = scan["files"], scan["gone"], base_bytes
    if scan["complete"] is True:
        named = {row[0] for row in rows}
        gone = [path for path in base if path not in named]
    listing = dict(base)
    for path in gone:
        total -= listing.pop(path).bytes
    inodes = {entry.inode: entry for entry in base.values()}
    named, differing = set(), []
    for path, kind, mode, modified, detail in rows:
        before = listing.get(path)
        if before and [mode, modified, detail] == [before.mode, before.modified, before.inode]:
            if path in named or before.kind != "f":
                raise ValueError(f"{path!r} is no mounted file")
            named.add(path)  # mounted and untouched, so nothing about it is new
            continue
        _check_path(path, listing)
        if path in named:
            raise ValueError(f"{path!r} is listed twice")
        named.add(path)
        entry = _entry(path, kind, mode, modified, detail, inodes)
        if before is None or not entry.is_same(before):
            listing[path] = entry
            differing.append(path)
            total += entry.bytes - (before.bytes if before else 0)
    _check_parents(listing, base, [*gone, *differing])
    _check_size(listing, total, most)
    return Change(listing, differing, gone, total)


def _check_size(listing: Listing, total: int, most: int) -> None:
    """Refuse what could not be put back, where a file with several names becomes several files."""
    if len(listing) > _MOST_FILES or total > most:
        raise SnapshotError(
            f"the workspace holds {len(listing)} files and {total >> 20} MiB, each name a file of "
            f"whole pages; a snapshot takes at most {_MOST_FILES} files and the {most >> 20} MiB "
            "of disk_mb"
        )
    if sum([entry.listed(path) for path, entry in listing.items()]) > _MOST_NAMED:
        raise SnapshotError("the names of the workspace's files are too long together")


def _pages(start: int, end: int) -> int:
    """The bytes of all pages that a part of a file touches."""
    return (-(-end // _PAGE) - start // _PAGE) * _PAGE


def _check_parents(listing: Listing, base: Listing, paths: list[str]) -> None:
    """Check that nothing remains in folders that are gone or have become something else."""
    lost = {path for path in paths if path in base and base[path].kind == "d"}
    lost = {path for path in lost if path not in listing or listing[path].kind != "d"}
    if lost and any(path.rpartition("/")[0] in lost for path in listing):
        raise ValueError("files without their folder")


def _entry(
    path: str, kind: Kind, mode: int, modified: int, detail: Detail, inodes: Mapping[int, Entry]
) -> Entry:
    if type(mode) is not int or not 0 <= mode <= 0o7777 or type(modified) is not int:
        raise ValueError(f"bad mode or time of {path!r}")
    modified = max(0, min(modified, _LATEST))
    if kind == "f":
        return _file(path, mode, modified, detail, inodes)
    if kind == "l" and isinstance(detail, str) and 0 < len(_encoded(detail)) < 4096:
        return Entry(kind, mode, modified, target=detail)
    if kind == "d":
        return Entry(kind, mode, modified)
    raise ValueError(f"bad kind or target of {path!r}")


def _check_path(path: str, listing: Listing) -> None:
    folder, _, name = path.rpartition("/")
    encoded = _encoded(path)
    if name in ("", ".", "..") or len(encoded) > 4000:
        raise ValueError(f"bad path {path!r}")
    if path != name and (folder not in listing or listing[folder].kind != "d"):
        raise ValueError(f"no folder for {path!r}")


def _encoded(text: str) -> bytes:
    if "\0" in text:
        raise ValueError(f"NUL in {text!r}")
    return text.encode("utf-8", "surrogateescape")


def _file(
    path: str, mode: int, modified: int, detail: Detail, inodes: Mapping[int, Entry]
) -> Entry:
    if type(detail) is int:
        known = inodes.get(detail)
        if known is None or (known.kind, known.mode, known.modified) != ("f", mode, modified):
            raise UnknownFile(f"{path!r} is not a file of the last snapshot")
        return known
    if detail is None or isinstance(detail, str | int):
        raise ValueError(f"bad size of {path!r}")
    size, extents = detail
    end = 0
    for offset, length in extents:
        if type(offset) is not int or type(length) is not int or offset < end or length <= 0:
            raise ValueError(f"bad extents of {path!r}")
        end = offset + length
    if type(size) is not int or end > size:
        raise ValueError(f"bad size of {path!r}")
    return Entry("f", mode, modified, size, extents=tuple((o, n) for o, n in extents))

"""Reads all files of a workspace, whatever their modes forbid."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

MOST_FILES = 100_000
TOO_MANY_FILES = f"the workspace has more than {MOST_FILES} files"
EXTENT_LISTED = 48
"""Bytes of a listing, roughly, that one extent takes."""
MOST_LISTED = 1 << 25
"""Bytes of a listing, roughly, which are this process's memory."""


class WorkspaceFiles:
    """Lists and reads a workspace in which nothing runs.

    What the agent made unreadable is made readable for the moment.

    Args:
        folder: The workspace.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._opened: list[tuple[str, int]] = []
        """Files and folders that had to be made readable, and their modes."""

    def walk(self, skip: Container[str]) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Everything in the workspace, parents first, with its path from there.

        Args:
            skip: Paths to leave out, with what is below them.
        """
        folders = [""]
        while folders:
            folder = folders.pop()
            for entry in self._list(f"{self._folder}/{folder}".rstrip("/")):
                path = f"{folder}{entry.name}"
                if path not in skip:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(path + "/")
                    yield path, entry

    def extents(self, path: str, status: os.stat_result) -> list[tuple[int, int]]:
        """Where a file has data: everywhere, except in the holes of a sparse one."""
        size = status.st_size
        if status.st_blocks * 512 >= size:
            return [(0, size)] if size else []
        extents, end = [], 0
        descriptor = self._open(path)
        try:
            while end < size:
                start = os.lseek(descriptor, end, os.SEEK_DATA)
                end = os.lseek(descriptor, start, os.SEEK_HOLE)
                extents.append((start, end - start))
                if len(extents) * EXTENT_LISTED > MOST_LISTED:
                    raise ValueError("a file of the workspace has too many holes")
        except OSError:
            pass  # no data beyond this point
        finally:
            os.close(descriptor)
        return extents

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Exactly so many bytes: zeros for what is gone, should anything still write."""
        descriptor = self._open(path)
        try:
            data = bytearray()
            while len(data) < length:
                part = os.pread(descriptor, length - len(data), offset + len(data))
                if not part:
                    break
                data += part
        finally:
            os.close(descriptor)
        return bytes(data).ljust(length, b"\0")

    def close(self) -> None:
        """Give what was made readable its modes again. Idempotent."""
        for path, mode in reversed(self._opened):
            try:
                os.chmod(path, mode)
            except OSError:  # it is gone: nothing must stay stopped for that
                continue
        self._opened = []

    def _list(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            return _entries(folder)
        except PermissionError:
            self._make_accessible(folder, 0o500)
            return _entries(folder)

    def _open(self, path: str) -> int:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        full = f"{self._folder}/{path}"
        try:
            return os.open(full, flags)
        except PermissionError:
            self._make_accessible(full, 0o400)
            return os.open(full, flags)

    def _make_accessible(self, path: str, bits: int) -> None:
        mode = stat.S_IMODE(os.lstat(path).st_mode)
        os.chmod(path, mode | bits)
        self._opened.append((path, mode))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What is in a folder, which must not be more than a snapshot can hold."""
    found: list[os.DirEntry[str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            found.append(entry)
            if len(found) > MOST_FILES:
                raise OSError(0, TOO_MANY_FILES)
    return found

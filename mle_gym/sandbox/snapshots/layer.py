"""Writes what changed in a workspace as a layer: a folder that overlayfs can put on another."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from mle_gym.errors import SandboxError, SnapshotError
from mle_gym.sandbox.snapshots.listing import Change, Entry, Listing

__all__ = ["write_layer"]


def write_layer(
    folder: Path, name: str, change: Change, receive: Callable[[], bytes]
) -> tuple[Listing, int]:
    """Write what differs from the last snapshot as a layer.

    Args:
        folder: Where all layers are. This one is ``folder/name/tree``, which is made here.
        name: The new layer's name.
        change: A checked change. If everything differs and nothing is gone, the layer is complete.
        receive: Returns the next bytes of the contents to receive, in the listing's order.

    Returns:
        The listing with the places of all contents, and the layer's bytes on disk.

    Raises:
        SnapshotError: The host's disk is full, or can't hold such a file.
    """
    root = folder / name / "tree"
    root.mkdir(0o755)
    try:
        return _Layer(folder, name, change, receive).write()
    except SandboxError:  # some are an OSError as well
        raise
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror)
        raise SnapshotError(f"a snapshot can't be written to {folder}: {reason}") from None


class _Layer:
    def __init__(
        self, folder: Path, name: str, change: Change, receive: Callable[[], bytes]
    ) -> None:
        self._folder, self._name, self._receive = folder, name, receive
        self._listing, self._differing, self._gone, _ = change
        self._buffer = memoryview(b"")
        self._size = 4096
        self._root = -1

    def write(self) -> tuple[Listing, int]:
        self._root = os.open(self._folder / self._name / "tree", os.O_RDONLY | os.O_DIRECTORY)
        try:
            whiteouts = self._whiteouts()
            folders = self._folders([*self._differing, *whiteouts])
            for path in folders:
                os.mkdir(path, 0o700, dir_fd=self._root)
                self._size += 4096
            done = {path: self._write_file(path) for path in self._differing if self._is("f", path)}
            for path in whiteouts:
                os.mknod(path, stat.S_IFCHR, 0, dir_fd=self._root)
            for path in self._differing:
                if self._is("l", path):
                    self._write_link(path)
            for path in reversed(folders):
                entry = self._listing[path]
                os.chmod(path, entry.host_mode, dir_fd=self._root)
                self._set_time(path, entry)
        finally:
            os.close(self._root)
        return self._listing | done, self._size

    def _is(self, kind: str, path: str) -> bool:
        return self._listing[path].kind == kind

    def _whiteouts(self) -> list[str]:
        """What the layers below would still show in folders that exist."""
        folders = ((path, self._listing.get(path.rpartition("/")[0])) for path in self._gone)
        return [p for p, folder in folders if "/" not in p or (folder and folder.kind == "d")]

    def _folders(self, paths: list[str]) -> list[str]:
        """The folders to make: those that differ, and all parents of something that differs."""
        wanted = {path for path in paths if path in self._listing and self._is("d", path)}
        for path in paths:
            folder = path.rpartition("/")[0]
            while folder and folder not in wanted:
                wanted.add(folder)
                folder = folder.rpartition("/")[0]
        return sorted(wanted, key=lambda path: path.count("/"))

    def _write_file(self, path: str) -> Entry:
        entry = self._listing[path]
        if entry.layer and self._link(path, entry):
            return entry._replace(layer=self._name, place=path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600, dir_fd=self._root)
        try:
            os.ftruncate(descriptor, entry.size)
            if entry.layer:
                self._copy(entry, descriptor)
            else:
                for offset, length in entry.extents:
                    self._write_extent(descriptor, offset, length)
            os.fchmod(descriptor, entry.host_mode)
            os.utime(descriptor, ns=(entry.modified, entry.modified))
            status = os.fstat(descriptor)
            self._size += status.st_blocks * 512
            inode = status.st_ino
        finally:
            os.close(descriptor)
        return entry._replace(layer=self._name, inode=inode, place=path)

    def _write_extent(self, descriptor: int, offset: int, length: int) -> None:
        while length:
            if not self._buffer:
                self._buffer = memoryview(self._receive())
            part = self._buffer[:length]
            written = os.pwrite(descriptor, part, offset)
            self._buffer = self._buffer[written:]
            offset, length = offset + written, length - written

    def _link(self, path: str, entry: Entry) -> bool:
        """Share a file with its layer, if it is the same in every respect."""
        source = self._source(entry)
        status = os.lstat(source)
        if stat.S_IMODE(status.st_mode) != entry.host_mode or status.st_mtime_ns != entry.modified:
            return False
        try:
            os.link(source, path, dst_dir_fd=self._root, follow_symlinks=False)
        except OSError as error:
            if error.errno in (errno.EMLINK, errno.EPERM, errno.EXDEV):
                return False
            raise
        self._size += status.st_blocks * 512
        return True

    def _copy(self, entry: Entry, descriptor: int) -> None:
        with open(self._source(entry), "rb") as source:  # noqa: PTH123
            for offset, length in entry.extents:
                source.seek(offset)
                os.lseek(descriptor, offset, os.SEEK_SET)
                left = length
                while left:
                    sent = os.sendfile(descriptor, source.fileno(), offset + length - left, left)
                    if not sent:
                        raise SnapshotError(f"a file of the snapshot {entry.layer} is damaged")
                    left -= sent

    def _source(self, entry: Entry) -> str:
        return f"{self._folder}/{entry.layer}/tree/{entry.place}"

    def _write_link(self, path: str) -> None:
        entry = self._listing[path]
        os.symlink(entry.target, path, dir_fd=self._root)
        self._set_time(path, entry)

    def _set_time(self, path: str, entry: Entry) -> None:
        with contextlib.suppress(OverflowError):
            times = (entry.modified, entry.modified)
            os.utime(path, ns=times, dir_fd=self._root, follow_symlinks=False)

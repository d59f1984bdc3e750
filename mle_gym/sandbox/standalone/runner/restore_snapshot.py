"""Puts a snapshot's files and its shell into a workspace.

That is ``restore`` and, where the files are not there already as a mount, ``unpack`` (once with a
listing, then with the files' bytes) and ``unpacked``.
"""

from __future__ import annotations

import os
import time

from ..shared.light_imports import loads
from .last_snapshot import COARSE_CLOCK, LastSnapshot, mark_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..shared import runner_messages as messages
    from ..shared.snapshot_listing import Detail, Extents, RestoredShell, Row
    from .file_actions import Answer
    from .last_snapshot import Mark
    from .shell import Shell


class SnapshotRestorer:
    """The operations of the protocol that put a snapshot back.

    Args:
        folder: The workspace.
        shell: Takes over the snapshot's state.
        last: Will be the snapshot that is put back. Without one, the restorer makes one.
    """

    def __init__(self, folder: str, shell: Shell, last: LastSnapshot | None) -> None:
        self._folder, self._shell, self.last = folder, shell, last or LastSnapshot()
        self._incoming: list[Row] = []
        self._due: list[tuple[str, int, int]] = []
        """Parts of files whose bytes are yet to come, the next one last."""

    def restore(self, order: messages.Restore, payload: bytes) -> Answer:
        """Take over a snapshot's shell; says whether its files are there already, as a mount."""
        witness = order["witness"]
        shell: RestoredShell = loads(payload)
        self._shell.load(shell["state"])
        if witness and not os.path.lexists(f"{self._folder}/{witness}"):
            return {"op": "done", "present": False}, b""
        if witness:
            status = os.lstat(f"{self._folder}/{witness}")
            if status.st_dev != os.stat(self._folder).st_dev:
                self.last.id, self.last.device = order["id"], status.st_dev
                self.last.mounted = time.clock_gettime_ns(COARSE_CLOCK)
        for path, mode in reversed(shell["modes"]):
            os.chmod(f"{self._folder}/{path}", mode)
        return {"op": "done", "present": True}, b""

    def unpack(self, order: messages.Unpack, payload: bytes) -> Answer:
        """Make the folders and empty files of a listing (``begin``), or write the next bytes."""
        if order["begin"]:
            self._begin(loads(payload))
        else:
            self._fill(memoryview(payload))
        return {"op": "done"}, b""

    def _begin(self, rows: list[Row]) -> None:
        self._incoming, self._due = rows, []
        for path, kind, _, _, detail in rows:
            full = f"{self._folder}/{path}"
            if kind == "d":
                os.makedirs(full, 0o700, exist_ok=True)
            elif kind == "f":
                size, extents = _content(detail)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                descriptor = os.open(full, flags, 0o600)
                os.ftruncate(descriptor, size)
                os.close(descriptor)
                self._due += [(path, offset, length) for offset, length in extents]
        self._due.reverse()

    def _fill(self, data: memoryview) -> None:
        while data:
            path, offset, length = self._due.pop()
            part, data = data[:length], data[length:]
            descriptor = os.open(f"{self._folder}/{path}", os.O_WRONLY | os.O_CLOEXEC)
            try:
                written = 0
                while written < len(part):
                    written += os.pwrite(descriptor, part[written:], offset + written)
            finally:
                os.close(descriptor)
            if written < length:
                self._due.append((path, offset + written, length - written))

    def unpacked(self, order: messages.Unpacked, _payload: bytes) -> Answer:
        """All bytes are there: make the links, set modes and times, children before parents."""
        for path, kind, mode, modified, detail in reversed(self._incoming):
            full = f"{self._folder}/{path}"
            if kind == "l":
                os.symlink(str(detail), full)
            else:
                os.chmod(full, mode)
            os.utime(full, ns=(modified, modified), follow_symlinks=False)
        # Later changes get other time stamps for sure.
        time.sleep(2 * time.clock_getres(COARSE_CLOCK))
        self.last.id = order["id"]
        self.last.known = {path: self._mark(path) for path, *_ in self._incoming}
        self._incoming = []
        return {"op": "done"}, b""

    def _mark(self, path: str) -> Mark:
        try:
            return mark_of(os.lstat(f"{self._folder}/{path}"))
        except PermissionError:
            return ()


def _content(detail: Detail) -> tuple[int, Extents]:
    """A file's size and extents."""
    if detail is None or isinstance(detail, (str, int)):
        raise ValueError("a file without its size")
    return detail

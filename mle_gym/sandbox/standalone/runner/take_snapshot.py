"""The workspace and the shell's state as data: how a snapshot is taken.

That is ``scan`` (stops every process, lists all files), ``contents`` until all bytes of what
changed are handed over, and ``resume``.
"""

from __future__ import annotations

import os
import stat
import time

from ..shared.frames import MAX_PAYLOAD
from ..shared.light_imports import dumps
from .last_snapshot import COARSE_CLOCK, LastSnapshot, mark_of
from .processes import (
    continue_all,
    files_mapped_for_writing,
    has_children,
    stop_descendants,
)
from .workspace_files import (
    EXTENT_LISTED,
    MOST_FILES,
    MOST_LISTED,
    TOO_MANY_FILES,
    WorkspaceFiles,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from ..shared import runner_messages as messages
    from ..shared.snapshot_listing import Detail, Row, ScannedWorkspace
    from .file_actions import Answer
    from .last_snapshot import Mark
    from .shell import Shell

LONGEST_PATH = 4000
CHUNK = 1 << 21


class SnapshotTaker:
    """The operations of the protocol that take a snapshot.

    Args:
        folder: The workspace.
        shell: Its state goes along.
        last: What the workspace is compared with, if the host still has it. Without one, the taker
            makes one.
    """

    def __init__(self, folder: str, shell: Shell, last: LastSnapshot | None) -> None:
        self._files, self._shell = WorkspaceFiles(folder), shell
        self.last = last or LastSnapshot()
        self._seen: dict[str, Mark] = {}
        self._unsent: list[tuple[str, int, int]] = []
        self._stopped: list[int] = []

    def scan(self, order: messages.Scan, _payload: bytes) -> Answer:
        """Stop every process and list the workspace; ``resume`` must follow."""
        self._go_on("")
        self._stopped = stop_descendants()
        is_known = order["base"] == self.last.id != ""
        try:
            listing = self._list(set(order["skip"]), self.last if is_known else LastSnapshot())
            text = dumps(listing).encode()
            if len(text) > MAX_PAYLOAD:
                reason = "the names of files and the shell's variables are too long together"
                raise OSError(0, reason)
        except BaseException:
            self._go_on("")
            raise
        return {"op": "done"}, text

    def contents(self, _order: messages.Contents, _payload: bytes) -> Answer:
        """The next bytes of the files that the listing gives extents for."""
        chunk = bytearray()
        while self._unsent and len(chunk) < CHUNK:
            path, offset, length = self._unsent.pop()
            taken = min(length, CHUNK - len(chunk))
            chunk += self._files.read(path, offset, taken)
            if taken < length:
                self._unsent.append((path, offset + taken, length - taken))
        return {"op": "done"}, bytes(chunk)

    def resume(self, order: messages.Resume, _payload: bytes) -> Answer:
        """Let the processes go on; what was scanned is the base of the next scan, if it has an id.

        A host that could not keep what it got sends no id.
        """
        self._go_on(order["id"])
        return {"op": "done"}, b""

    def _go_on(self, id: str) -> None:
        self._files.close()
        continue_all(self._stopped)
        if id:
            self.last.id, self.last.known = id, self._seen
        self._seen, self._unsent, self._stopped = {}, [], []

    def _list(self, skip: Container[str], base: LastSnapshot) -> ScannedWorkspace:
        """List what may differ from the base, and remember the marks of everything."""
        uncertain = _Uncertain()
        known, rows, special, listed = base.known or {}, [], 0, 0
        for path, entry in self._files.walk(skip):
            status = entry.stat(follow_symlinks=False)
            mounted = base.holds(status)
            is_certain = mounted or not uncertain.covers(entry, status)
            mark = mark_of(status, mounted=mounted) if is_certain else ()
            if not mark or known.get(path) != mark:
                row = self._row(path, entry, status, mounted)
                if row is None:
                    special += 1
                    continue
                rows.append(row)
                listed += _bytes_listed(path, row[4])
                if listed > MOST_LISTED:
                    raise OSError(0, "the names of the workspace's files are too long together")
            self._seen[path] = mark
            if len(self._seen) > MOST_FILES:
                raise OSError(0, TOO_MANY_FILES)
        self._unsent.reverse()
        return {
            "files": rows,
            "gone": [path for path in known if path not in self._seen],
            "complete": not known,
            "special": special,
            "shell": self._shell.save(),
        }

    def _row(
        self, path: str, entry: os.DirEntry[str], status: os.stat_result, mounted: bool
    ) -> Row | None:
        """A file's row in the listing; None for what no snapshot can hold."""
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise OSError(0, "a file's path is too long")
        mode, modified = stat.S_IMODE(status.st_mode), status.st_mtime_ns
        if stat.S_ISDIR(status.st_mode):
            return path, "d", mode, modified, None
        if stat.S_ISLNK(status.st_mode):
            return path, "l", mode, modified, os.readlink(entry.path)
        if not stat.S_ISREG(status.st_mode):
            return None
        if mounted:
            return path, "f", mode, modified, status.st_ino
        extents = self._files.extents(path, status)
        self._unsent += [(path, offset, length) for offset, length in extents]
        return path, "f", mode, modified, (status.st_size, extents)


class _Uncertain:
    """Files that may change, or may have changed, without another time stamp."""

    def __init__(self) -> None:
        now = time.clock_gettime_ns(COARSE_CLOCK)
        # A change within one tick of the clock would leave the same time stamps.
        self._recent = now - int(2e9 * time.clock_getres(COARSE_CLOCK))
        self._mapped: set[int | str] = files_mapped_for_writing() if has_children() else set()

    def covers(self, entry: os.DirEntry[str], status: os.stat_result) -> bool:
        """Whether a file is one of them."""
        is_mapped = not self._mapped.isdisjoint((status.st_ino, entry.path))
        return status.st_ctime_ns >= self._recent or is_mapped


def _bytes_listed(path: str, detail: Detail) -> int:
    """About how many bytes a row of a listing takes."""
    names = path + detail if isinstance(detail, str) else path
    extents = detail[1] if isinstance(detail, tuple) else ()
    # Whatever is not ASCII is written as one or two escapes.
    return len(names) * (1 if names.isascii() else 12) + len(extents) * EXTENT_LISTED

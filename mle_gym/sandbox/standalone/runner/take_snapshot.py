"""The workspace and the shell's state as data: what a snapshot takes, and how one is put back.

Taking one is ``scan`` (stops every process, lists all files), ``contents`` until all bytes of
what changed are handed over, and ``resume``. Putting one back is ``restore`` and, where the files
are not there already as a mount, ``unpack`` and ``unpacked``.

A listing is JSON: ``[path, kind, mode, modified, detail]`` with parents before their children.
``kind`` is ``d`` (no detail), ``l`` (the link's target) or ``f``: ``[size, extents]`` for content
that will be sent, or a number for the file of the mounted snapshot with that inode. Where the last
snapshot is known, only what may differ from it is listed, and what is ``gone``.
"""

from __future__ import annotations

import os
import stat
import time

from ..shared.frames import MAX_PAYLOAD
from ..shared.lean import dumps, loads
from .processes import (
    continue_all,
    files_mapped_for_writing,
    has_children,
    stop_descendants,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..shared import runner_messages as messages
    from .file_actions import Answer
    from .shell import Shell

    Mark = tuple[int, ...]
    """What can't stay the same when a file changes; empty if that is not sure."""

MOST_FILES = 100_000
LONGEST_PATH = 4000
MOST_LISTED = 1 << 25
"""Bytes of a listing, roughly, which are this process's memory."""
TOO_MANY_FILES = f"the workspace has more than {MOST_FILES} files"
EXTENT_LISTED = 48
"""Of them, those of one extent."""
CHUNK = 1 << 21
COARSE_CLOCK = 5
"""``CLOCK_REALTIME_COARSE``, the clock of time stamps on files."""


class Workspaces:
    """The operations of the protocol that concern snapshots.

    Args:
        folder: The workspace.
        shell: Its state goes along.
    """

    def __init__(self, folder: str, shell: Shell) -> None:
        self._folder, self._shell = folder, shell
        self._base = ""
        """The last snapshot."""
        self._known: dict[str, Mark] | None = None
        """What everything in it looked like; None if it was mounted and not looked at since."""
        self._device, self._mounted = -1, 0
        """Device number of the mounted snapshot's files, and when the sandbox was given them."""
        self._seen: dict[str, Mark] = {}
        self._unsent: list[tuple[str, int, int]] = []
        self._stopped: list[int] = []
        self._opened: list[tuple[str, int]] = []
        """Files and folders that had to be made readable for the moment, and their modes."""

    # ------------------------------------------------------------------------------------- taking

    def scan(self, order: messages.Scan, _payload: bytes) -> Answer:
        """Stop every process and list the workspace; ``resume`` must follow."""
        self._go_on("")
        self._stopped = stop_descendants()
        try:
            return self._scan(set(order["skip"]), order["base"] == self._base != "")
        except BaseException:
            self._go_on("")
            raise

    def contents(self, _order: messages.Contents, _payload: bytes) -> Answer:
        """The next bytes of the files that the listing gives extents for."""
        chunk = bytearray()
        while self._unsent and len(chunk) < CHUNK:
            path, offset, length = self._unsent.pop()
            taken = min(length, CHUNK - len(chunk))
            chunk += self._read(path, offset, taken)
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
        for path, mode in reversed(self._opened):
            try:
                os.chmod(path, mode)
            except OSError:  # it is gone: nothing must stay stopped for that
                continue
        continue_all(self._stopped)
        if id:
            self._base, self._known = id, self._seen
        self._seen, self._unsent, self._stopped, self._opened = {}, [], [], []

    def _scan(self, skip: set[str], has_base: bool) -> Answer:
        now = time.clock_gettime_ns(COARSE_CLOCK)
        recent = now - int(2e9 * time.clock_getres(COARSE_CLOCK))
        mapped: set[int | str] = files_mapped_for_writing() if has_children() else set()
        device = self._device if has_base else -1
        known = (self._known or {}) if has_base else {}
        seen, rows, special, listed = self._seen, [], 0, 0
        folders = [""]
        while folders:
            folder = folders.pop()
            for entry in self._list(f"{self._folder}/{folder}".rstrip("/")):
                path = f"{folder}{entry.name}"
                if path in skip:
                    continue
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    folders.append(path + "/")
                # A changed copy may keep the number of the mounted file, but not its age.
                frozen = status.st_dev == device and status.st_ctime_ns < self._mounted
                mark = _mark(status, frozen)
                if not frozen and (
                    status.st_ctime_ns >= recent
                    or not mapped.isdisjoint((status.st_ino, entry.path))
                ):
                    # A change within one tick of the clock would leave the same time stamps.
                    mark = ()
                if mark and known.get(path) == mark:
                    seen[path] = mark
                    continue
                kind, detail = self._describe(path, entry, status, frozen)
                if kind:
                    seen[path] = mark
                    mode = stat.S_IMODE(status.st_mode)
                    rows.append([path, kind, mode, status.st_mtime_ns, detail])
                    listed += _bytes_listed(path, detail)
                else:
                    special += 1
                if listed > MOST_LISTED:
                    raise OSError(0, "the names of the workspace's files are too long together")
            if len(seen) > MOST_FILES:
                raise OSError(0, TOO_MANY_FILES)
        self._unsent.reverse()
        listing = {
            "files": rows,
            "gone": [path for path in known if path not in seen],
            "complete": not known,
            "special": special,
            "shell": self._shell.save(),
        }
        text = dumps(listing).encode()
        if len(text) > MAX_PAYLOAD:
            raise OSError(0, "the names of files and the shell's variables are too long together")
        return {"op": "done"}, text

    def _describe(
        self, path: str, entry: os.DirEntry[str], status: os.stat_result, frozen: bool
    ) -> tuple[str, Any]:
        """Kind and detail; an empty kind for what no snapshot can hold."""
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise OSError(0, "a file's path is too long")
        if stat.S_ISDIR(status.st_mode):
            return "d", None
        if stat.S_ISLNK(status.st_mode):
            return "l", os.readlink(entry.path)
        if not stat.S_ISREG(status.st_mode):
            return "", None
        if frozen:
            return "f", status.st_ino
        extents = self._extents(path, status)
        self._unsent += [(path, offset, length) for offset, length in extents]
        return "f", [status.st_size, extents]

    def _list(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            return _entries(folder)
        except PermissionError:
            self._make_accessible(folder, 0o500)
            return _entries(folder)

    def _extents(self, path: str, status: os.stat_result) -> list[tuple[int, int]]:
        """Where a file has data: all of it, but for the holes of a sparse one."""
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

    def _read(self, path: str, offset: int, length: int) -> bytes:
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

    # --------------------------------------------------------------------------------- putting back

    def restore(self, order: messages.Restore, payload: bytes) -> Answer:
        """Take over a snapshot's shell; says whether its files are there already, as a mount."""
        witness = order["witness"]
        shell = loads(payload)
        self._shell.load(shell["state"])
        if witness and not os.path.lexists(f"{self._folder}/{witness}"):
            return {"op": "done", "present": False}, b""
        if witness:
            status = os.lstat(f"{self._folder}/{witness}")
            if status.st_dev != os.stat(self._folder).st_dev:
                self._base, self._device = order["id"], status.st_dev
                self._mounted = time.clock_gettime_ns(COARSE_CLOCK)
        for path, mode in reversed(shell["modes"]):
            os.chmod(f"{self._folder}/{path}", mode)
        return {"op": "done", "present": True}, b""

    def unpack(self, order: messages.Unpack, payload: bytes) -> Answer:
        """Make the folders and empty files of a listing (``begin``), or take the next bytes."""
        if order["begin"]:
            self._incoming: list[list[Any]] = loads(payload)
            self._due = []
            for path, kind, _, _, detail in self._incoming:
                full = f"{self._folder}/{path}"
                if kind == "d":
                    os.makedirs(full, 0o700, exist_ok=True)
                elif kind == "f":
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                    descriptor = os.open(full, flags, 0o600)
                    os.ftruncate(descriptor, detail[0])
                    os.close(descriptor)
                    self._due += [(path, offset, length) for offset, length in detail[1]]
            self._due.reverse()
            return {"op": "done"}, b""
        data = memoryview(payload)
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
        return {"op": "done"}, b""

    def unpacked(self, order: messages.Unpacked, _payload: bytes) -> Answer:
        """All bytes are there: make the links, set modes and times, children before parents."""
        for path, kind, mode, modified, detail in reversed(self._incoming):
            full = f"{self._folder}/{path}"
            if kind == "l":
                os.symlink(detail, full)
            else:
                os.chmod(full, mode)
            os.utime(full, ns=(modified, modified), follow_symlinks=False)
        # Later changes get other time stamps for sure.
        time.sleep(2 * time.clock_getres(COARSE_CLOCK))
        self._known = {}
        for path, *_ in self._incoming:
            mark: Mark = ()
            try:
                mark = _mark(os.lstat(f"{self._folder}/{path}"), False)
            except PermissionError:
                pass
            self._known[path] = mark
        self._base, self._incoming = order["id"], []
        return {"op": "done"}, b""


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What is in a folder, which must not be more than a snapshot takes."""
    found: list[os.DirEntry[str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            found.append(entry)
            if len(found) > MOST_FILES:
                raise OSError(0, TOO_MANY_FILES)
    return found


def _bytes_listed(path: str, detail: Any) -> int:
    """What a row of a listing takes, about."""
    names = path + detail if isinstance(detail, str) else path
    extents = detail[1] if isinstance(detail, list) else ()
    # Whatever is not ASCII is written as one or two escapes.
    return len(names) * (1 if names.isascii() else 12) + len(extents) * EXTENT_LISTED


def _mark(status: os.stat_result, frozen: bool) -> Mark:
    # Nobody can set the time of an inode's last change, unlike that of its content. A mounted
    # file's own does change, when the host makes a link to it.
    changed = 0 if frozen else status.st_ctime_ns
    own = status.st_dev, status.st_ino, status.st_size, status.st_mode
    return (*own, status.st_mtime_ns, changed)

"""File actions. They run inside the sandbox, and so with its own view of the files."""

from __future__ import annotations

import errno
import os
import stat

from .command_output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..shared import runner_messages as messages

    Answer = tuple[messages.Done, bytes]
    """An answer and its payload."""

LARGEST = 1 << 26
"""The size of the largest file that is read or edited as text, in bytes."""
MOST_LISTED = 10_000
"""How many entries of a folder are listed; the output shows a few hundred of them."""
MOST_FILES = 1_000
"""How many files a folder may hold that is handed over."""
MOST_ENTRIES = 10_000
"""How many entries such a folder may have, including what is left out."""


class FileActions:
    """The operations of the protocol on files. Paths are relative to the workspace."""

    def __init__(self, workspace: str, output_limit: int) -> None:
        self._workspace, self._output_limit = workspace, output_limit

    def operations(self) -> dict[str, Callable[[Any, bytes], Answer]]:
        """What answers each kind of order."""
        return {
            "write_file": self.write_file,
            "edit_file": self.edit_file,
            "insert_text": self.insert_text,
            "read_file": self.read_file,
            "view": self.view,
            "list_files": self.list_files,
            "fetch": self.fetch,
            "fetch_files": self.fetch_files,
        }

    def write_file(self, order: messages.WriteFile, content: bytes) -> Answer:
        """Write a regular file, making its folders."""
        return self._write(order["path"], content)

    def _write(self, name: str, content: bytes) -> Answer:
        path = self._locate(name)
        if os.path.lexists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            return _refuse(f"{name}: exists and is not a regular file")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(path, flags, 0o644), "wb") as file:
            # Checked again: by now the path may lead to this process's own pipe, or into /proc.
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_dev == os.stat("/proc").st_dev:
                return _refuse(f"{name}: is not a regular file")
            file.truncate(0)
            file.write(content)
        return {"op": "done"}, _line(f"wrote {len(content)} bytes to {name}")

    def edit_file(self, order: messages.EditFile, payload: bytes) -> Answer:
        """Replace the only occurrence of a text."""
        old, new = payload[: order["split"]], payload[order["split"] :]
        reason, content = take_file(self._locate(order["path"]), LARGEST)
        if reason:
            return _refuse(f"{order['path']}: {reason}")
        count = content.count(old) if old else -1
        if count == -1:
            return _refuse(f"{order['path']}: the text to replace is empty")
        if count == 0:
            return _refuse(f"{order['path']}: the text to replace is not in the file")
        if count > 1:
            return _refuse(
                f"{order['path']}: the text to replace is in the file {count} times; "
                "give more of the lines around it"
            )
        line = content[: content.index(old)].count(b"\n") + 1
        answer, message = self._write(order["path"], content.replace(old, new))
        if not answer.get("exit_code"):
            message = _line(f"edited {order['path']} at line {line}")
        return answer, message

    def insert_text(self, order: messages.InsertText, text: bytes) -> Answer:
        """Insert whole lines after a line, or at the beginning."""
        path, after = order["path"], order["line"]
        reason, content = take_file(self._locate(path), LARGEST)
        if reason:
            return _refuse(f"{path}: {reason}")
        lines = content.splitlines(keepends=True)
        if after > len(lines):
            return _refuse(f"{path}: has {len(lines)} lines; line {after} was given")
        if after and not lines[after - 1].endswith(b"\n"):
            lines[after - 1] += b"\n"
        elif text and not text.endswith(b"\n"):
            text += b"\n"
        lines.insert(after, text)
        answer, message = self._write(path, b"".join(lines))
        if not answer.get("exit_code"):
            message = _line(f"inserted after line {after} of {path}")
        return answer, message

    def read_file(self, order: messages.ReadFile, _payload: bytes) -> Answer:
        """Show some lines of a text file."""
        reason, lines = self._some_lines(order)
        return _refuse(reason) if reason else self._show(b"".join(lines))

    def view(self, order: messages.View, _payload: bytes) -> Answer:
        """Show some lines of a text file with their numbers, or list a folder."""
        if os.path.isdir(self._locate(order["path"])):
            return self.list_files({"op": "list_files", "path": order["path"]}, b"")
        reason, lines = self._some_lines(order)
        if reason:
            return _refuse(reason)
        numbered = enumerate(lines, start=order["start"])
        return self._show(b"".join(b"%6d\t%s" % (number, line) for number, line in numbered))

    def _some_lines(self, order: messages.ReadFile | messages.View) -> tuple[str, list[bytes]]:
        """The reason why a file's lines can't be shown, empty if they can, and the lines."""
        path, start, count = order["path"], order["start"], order["lines"]
        reason, content = take_file(self._locate(path), LARGEST)
        if reason:
            return f"{path}: {reason}", []
        lines = content.splitlines(keepends=True)
        if start > max(1, len(lines)):
            return f"{path}: has {len(lines)} lines; line {start} was asked for", []
        last = len(lines) if count is None else start - 1 + count
        return "", lines[start - 1 : last]

    def list_files(self, order: messages.ListFiles, _payload: bytes) -> Answer:
        """List a folder's entries with their sizes, sorted by name."""
        rows: list[tuple[bytes, bytes]] = []
        note = b""
        with os.scandir(self._locate(order["path"])) as entries:
            for entry in entries:
                if len(rows) == MOST_LISTED:
                    note = b"[there are more entries than these %d]\n" % MOST_LISTED
                    break
                name = os.fsencode(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    rows.append((name, b"%12s  %s/\n" % (b"-", name)))
                else:
                    size = entry.stat(follow_symlinks=False).st_size
                    rows.append((name, b"%12d  %s\n" % (size, name)))
        return self._show(b"".join(row for _, row in sorted(rows)) + note or b"(empty)\n")

    def fetch(self, order: messages.Fetch, _payload: bytes) -> Answer:
        """Hand over a whole regular file."""
        reason, content = take_file(self._locate(order["path"]), order["max_bytes"])
        return _refuse(f"{order['path']}: {reason}") if reason else ({"op": "done"}, content)

    def fetch_files(self, order: messages.FetchFiles, _payload: bytes) -> Answer:
        """Hand over a file, or all files of a folder."""
        path = self._locate(order["path"])
        folder, reason, content = take(path, order["max_bytes"])
        if reason:
            return _refuse(f"{order['path']}: {reason}")
        return {"op": "done", "folder": folder}, content

    def _locate(self, path: str) -> str:
        return os.path.join(self._workspace, path)

    def _show(self, content: bytes) -> Answer:
        output = Output(self._output_limit)
        output.add(content)
        shown, left_out = output.finish()
        return {"op": "done", "truncated_bytes": left_out}, shown


def _refuse(reason: str) -> Answer:
    return {"op": "done", "exit_code": 1}, _line(reason)


def _line(text: str) -> bytes:
    """Encode a text that may quote a file's name, which may not be UTF-8."""
    return f"{text}\n".encode("utf-8", "surrogateescape")


def take_file(path: str, limit: int) -> tuple[str, bytes]:
    """Read a regular file of at most ``limit`` bytes.

    Anything else (a folder, a FIFO, a device, a socket, an endless file) is refused at once.

    Returns:
        The reason why it can't be read, empty if it can, and the content.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        missing = error.errno == errno.ENOENT
        return "no such file" if missing else str(error.strerror), b""
    except ValueError as error:
        return str(error), b""
    try:
        information = os.fstat(descriptor)
        if stat.S_ISDIR(information.st_mode):
            return "is a folder", b""
        if not stat.S_ISREG(information.st_mode):
            return "is not a regular file", b""
        if information.st_size > limit:
            return f"has {information.st_size} bytes, at most {limit} are allowed", b""
        return _read_at_most(descriptor, limit)
    except OSError as error:
        return str(error.strerror), b""
    finally:
        os.close(descriptor)


def _read_at_most(descriptor: int, limit: int) -> tuple[str, bytes]:
    """Read to the end, whatever size the file claims to have."""
    content = bytearray()
    while len(content) <= limit:
        part = os.read(descriptor, min(1 << 20, limit + 1 - len(content)))
        if not part:
            return "", bytes(content)
        content += part
    return f"has more than {limit} bytes", b""


def take(path: str, limit: int) -> tuple[bool, str, bytes]:
    """Read a file or a folder; returns whether it is a folder, any reason why not, the content."""
    if os.path.isdir(path):
        return (True, *take_folder(path, limit))
    return (False, *take_file(path, limit))


def take_folder(path: str, limit: int) -> tuple[str, bytes]:
    """Read all files below a folder, together at most ``limit`` bytes, and pack them.

    Hidden files and folders (``.git``) and ``__pycache__`` are left out.
    """
    # Few sandboxes ever hand a folder out, and all of them start sooner without this module.
    from ..shared.packed_files import pack_files

    try:
        names = _files_below(path)
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error), b""
    files: dict[str, bytes] = {}
    for name in names:
        reason, content = take_file(os.path.join(path, name), limit)
        if reason:
            return f"{name}: {reason}", b""
        files[name] = content
        limit -= len(content)
    return "", pack_files(files)


def _files_below(root: str) -> list[str]:
    """The relative paths of all files, sorted. Deeply nested folders could exhaust os.walk."""
    found: list[str] = []
    folders, seen = [""], 0
    while folders:
        folder = folders.pop()
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in entries:
                seen += 1
                name = os.path.join(folder, entry.name)
                if seen > MOST_ENTRIES or len(found) > MOST_FILES:
                    raise ValueError(f"has more than {MOST_FILES} files")
                if entry.name.startswith(".") or entry.name == "__pycache__":
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                else:
                    name.encode()  # raises ValueError where it is not UTF-8
                    found.append(name)
    return sorted(found)

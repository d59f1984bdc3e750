"""Reads and writes files in folders that may come from others.

Only regular files are read, so that reading never blocks. A file is written without following any
link at its place, so that it replaces the link and not what that leads to.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = [
    "NotAFile",
    "open_regular",
    "read_regular",
    "read_whole",
    "replacing",
    "write_atomically",
]


class NotAFile(OSError):
    """There is a folder, pipe, device or socket where a file is expected."""


def read_regular(path: Path, most: int | None = None) -> bytes:
    """The bytes of a regular file, links followed.

    Args:
        path: Where it is.
        most: The most bytes that are wanted. One more is read, to show that there are more. None
            for all.

    Raises:
        NotAFile: There is something else at the path. Reading a pipe, for instance, might block for
            ever.
        OSError: The file can't be read.
    """
    with open_regular(path) as file:
        return file.read(-1 if most is None else most + 1)


def read_whole(path: Path, most: int) -> bytes:
    """The bytes of a regular file of bounded size. Raises what :func:`read_regular` raises.

    Raises:
        OSError: Also if the file is larger.
    """
    content = read_regular(path, most)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"more than {most:,} bytes", str(path))
    return content


def open_regular(path: Path) -> BinaryIO:
    """A regular file, links followed, open for reading. Raises what :func:`read_regular` raises."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags)
    except ValueError:  # NUL, or a character that the file system's encoding lacks
        raise OSError(errno.EINVAL, "not a path", str(path)) from None
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise NotAFile(errno.ENXIO, "not a regular file", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAFile(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file that readers see whole or not at all, and that survives a crash.

    Args:
        path: The file, which is replaced. If it is a link, the link is replaced.
        content: Text is written in UTF-8.
    """
    with replacing(path) as temporary, temporary.open("r+b") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new empty file beside another one, which it replaces at the end unless something is raised.

    Args:
        path: As for :func:`write_atomically`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)  # of a process that is gone, or a link
    temporary.open("xb").close()
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

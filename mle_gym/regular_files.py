"""Reads files that others name: only regular ones, so that reading never blocks."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

__all__ = ["NotAFile", "open_regular", "read_regular", "read_whole"]


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

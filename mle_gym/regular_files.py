"""Files that somebody names: only regular ones are read, and nothing is waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

__all__ = ["NotAFile", "open_regular", "read_regular", "read_whole"]


class NotAFile(OSError):
    """A folder, pipe, device or socket lies where a file is expected."""


def read_regular(path: Path, most: int | None = None) -> bytes:
    """The bytes of a regular file, links followed.

    Args:
        path: Where it is.
        most: Bytes that are wanted. One more is read, to show that there are more. None for all.

    Raises:
        NotAFile: Something else lies there. A pipe would have to be waited for, perhaps for ever.
        OSError: It can't be read.
    """
    with open_regular(path) as file:
        return file.read(-1 if most is None else most + 1)


def read_whole(path: Path, most: int) -> bytes:
    """The bytes of a regular file of a bounded size; raises as :func:`read_regular`.

    Raises:
        OSError: Also for a larger one.
    """
    content = read_regular(path, most)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"more than {most:,} bytes", str(path))
    return content


def open_regular(path: Path) -> BinaryIO:
    """A regular file, links followed, open for reading; raises as :func:`read_regular`."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags)
    except ValueError:  # NUL, or what the file system's encoding hasn't got
        raise OSError(errno.EINVAL, "not a path", str(path)) from None
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise NotAFile(errno.ENXIO, "not a regular file", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAFile(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")

"""Locks between processes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["file_lock"]


def file_lock(path: str | os.PathLike[str], timeout: float = -1) -> BaseFileLock:
    """A lock that one process holds at a time, as a context manager.

    Args:
        path: The lock's file, which is made. Its folder must exist.
        timeout: How many seconds to wait for the lock; -1 for no limit.

    Raises:
        TimeoutError: On entering, if another process still holds the lock.
        OSError: On entering, if the file can't be made.
    """
    from filelock import FileLock  # imports asyncio, which `import mle_gym.env` does without

    return FileLock(path, timeout=timeout)

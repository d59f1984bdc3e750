"""What this machine has, as far as this process may use it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["memory_mb", "processors"]

_GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def processors() -> int:
    """How many processors."""
    return len(os.sched_getaffinity(0))


def memory_mb() -> float:
    """MiB of memory: the machine's, or less if a control group says so."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20]
    for path in _GROUPS:
        with contextlib.suppress(OSError, ValueError):  # no such group, or "max"
            found.append(int(Path(path).read_text(encoding="ascii")) / 2**20)
    return min(found)

"""Finds this process's control groups, and what the kernel counts for one."""

from __future__ import annotations

import os

from .kernel_files import lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MEMORY = ("memory.max_usage_in_bytes", "memory.peak")


def own_groups() -> Iterator[tuple[set[str], str, str]]:
    """Controllers, the place of their hierarchy, and the folder of this process's group in it.

    Version 2, which has a single hierarchy, is given as ``{""}``.
    """
    own = {}
    for line in lines("/proc/self/cgroup"):
        _, names, path = line.split(":", 2)
        own.update({name: path for name in names.split(",")})
    for line in lines("/proc/self/mountinfo"):
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        root, point = fields.split(" ")[3:5]
        if kind == "cgroup":
            names_here = set(options.split(",")) & set(own)
            for path in {own[name] for name in names_here}:
                yield names_here, point, _below(point, root, path)
        elif kind == "cgroup2":
            yield {""}, point, _below(point, root, own.get("", "/"))


def _below(point: str, root: str, path: str) -> str:
    """Where the group ``path`` is when the hierarchy's ``root`` is mounted at ``point``."""
    inside = path[len(root) :] if root != "/" and path.startswith(root) else path
    return (point + "/" + inside.strip("/")).rstrip("/")


def open_meters(groups: Sequence[str]) -> tuple[int | None, int | None]:
    """Open what counts the processor time and the most memory of one sandbox.

    Args:
        groups: The folders of its groups.

    Returns:
        Descriptors; None for what is not counted here.
    """
    seconds = memory = None
    for group in groups:
        if os.path.exists(f"{group}/cpuacct.usage"):
            seconds = os.open(f"{group}/cpuacct.usage", os.O_RDONLY | os.O_CLOEXEC)
        elif any(line.startswith("usage_usec ") for line in lines(f"{group}/cpu.stat")):
            seconds = os.open(f"{group}/cpu.stat", os.O_RDONLY | os.O_CLOEXEC)
        for name in _MEMORY:
            if os.path.exists(f"{group}/{name}"):
                memory = _open_to_reset(f"{group}/{name}")
    return seconds, memory


def _open_to_reset(path: str) -> int:
    """Open for writing too, which starts the count again, where that is allowed."""
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

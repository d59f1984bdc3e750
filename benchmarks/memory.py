"""Measures the memory of processes, and finds their descendants. Linux only.

A page that n processes share counts 1/n in each one's PSS (proportional set size), so sums are
honest; USS (unique set size) counts only what would be freed if the process ended.
"""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Skip

__all__ = ["Memory", "descendants", "free_share", "memory", "named", "parents"]


@dataclass(frozen=True)
class Memory:
    """Memory in MiB."""

    pss: float = 0.0
    uss: float = 0.0

    def __sub__(self, other: Memory) -> Memory:
        return Memory(self.pss - other.pss, self.uss - other.uss)


def memory(pids: Iterable[int]) -> Memory:
    """The sum over some processes. Processes that end meanwhile count as 0.

    Raises:
        Skip: The kernel does not let this user read it.
    """
    totals = {"Pss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            continue
        except OSError as error:
            raise Skip(f"/proc/PID/smaps_rollup of a sandbox: {error.strerror}; root may") from None
        for line in text.splitlines()[1:]:
            name, _, value = line.partition(":")
            if name in totals:
                totals[name] += int(value.split()[0])
    return Memory(totals["Pss"] / 1024, (totals["Private_Clean"] + totals["Private_Dirty"]) / 1024)


def free_share() -> float:
    """The share of the machine's memory that is available; 1 if the system doesn't report it."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return 1.0
    sizes = {name: int(value.split()[0]) for name, value in (line.split(":") for line in lines)}
    return sizes["MemAvailable"] / sizes["MemTotal"]


def named(name: str, pids: Iterable[int]) -> set[int]:
    """The processes among ``pids`` that have a name (of at most 15 characters)."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text(encoding="utf-8") == f"{name}\n":
                found.add(pid)
    return found


def parents() -> dict[int, int]:
    """Every process on this machine, with its parent."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue
            found[int(entry.name)] = int(fields[1])
    return found


def descendants(roots: Iterable[int] | None = None) -> set[int]:
    """Some processes (by default this one) and everything that they started."""
    if not Path("/proc/self/smaps_rollup").exists():
        raise Skip("requires Linux's /proc")
    children = defaultdict(list)
    for pid, parent in parents().items():
        children[parent].append(pid)
    found, queue = set(), [os.getpid()] if roots is None else list(roots)
    while queue:
        pid = queue.pop()
        if pid not in found:
            found.add(pid)
            queue += children[pid]
    return found

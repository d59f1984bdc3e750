"""Reads what the kernel counts for the whole sandbox, which no program in it can change."""

from __future__ import annotations

import os

from ..shared.group_folders import open_meters, own_groups


class Meters:
    """The counters of the sandbox's control groups, as far as there are any.

    Args:
        seconds: Descriptor of the file that counts processor time.
        memory: Descriptor of the file with the most memory in use so far.
    """

    def __init__(self, seconds: int | None = None, memory: int | None = None) -> None:
        self._seconds, self._memory = seconds, memory
        self._before = 0

    def seconds(self) -> float | None:
        """Seconds of processor time of everything in the sandbox; None if nothing counts it."""
        if self._seconds is None:
            return None
        words = os.pread(self._seconds, 4096, 0).split()
        # Version 1 has one number of nanoseconds, version 2 a table with microseconds.
        return int(words[0]) / 1e9 if len(words) == 1 else int(words[1]) / 1e6

    def start_again(self) -> None:
        """Begin to look for the most memory that is used from now on."""
        if self._memory is None:
            return
        try:
            os.pwrite(self._memory, b"0", 0)
            self._before = 0
        except OSError:  # this kernel only counts from the sandbox's start
            self._before = self._most()

    def most_memory(self) -> int:
        """Bytes, since :meth:`start_again`; 0 if nothing counts it, or it was less than before."""
        if self._memory is None:
            return 0
        most = self._most()
        return most if most > self._before else 0

    def _most(self) -> int:
        return int(os.pread(self._memory or 0, 64, 0))


def meters_of_own_groups() -> Meters:
    """Those of the groups that this process is in, where they are the sandbox's."""
    return Meters(*open_meters([folder for _, _, folder in own_groups()]))

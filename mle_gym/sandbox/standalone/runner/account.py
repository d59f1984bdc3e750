"""Accounts for the processor time and the memory of commands.

What the kernel counts for the sandbox's control groups is complete. Without them, the account is
made of what processes have used that this one or a keeper has waited for, and of those that still
run. Then a process may escape it whose parent does not wait for it.
"""

from __future__ import annotations

import os
import resource

from .processes import APART, descendants, has_children, process_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .meters import Meters
    from .shim_socket import WarmPython

TICK = os.sysconf("SC_CLK_TCK")


class Account:
    """What the sandbox's processes use, from one command's end to the next one's.

    So what earlier commands left running is charged too, although nobody waits for it.

    Args:
        meters: The kernel's counters.
        warm: Reports what warm programs used, if there are any.
        folders: File systems in memory, whose files count as memory where no meter counts them.
    """

    def __init__(self, meters: Meters, warm: WarmPython | None, folders: Sequence[str]) -> None:
        self._meters, self._folders = meters, folders
        self.warm = warm
        self._waited_for = 0.0
        """Seconds of all processes that were waited for."""
        self._since_start = 0.0
        """The same, since the command started."""
        self._charged_alive: dict[int, float] = {}
        """Pid to the seconds that were charged while a process ran: its end must not charge them
        again."""
        self._peak = 0
        self._held_before = 0
        """Bytes that zygotes held when the command started."""
        self._zygotes: dict[int, float] = {}
        """Pid to the seconds of each zygote that ran inside: they are no program's."""
        self._charged = self._total()

    def start(self) -> None:
        """Note that a command starts."""
        self._hear_warm()  # what has ended by now was not part of it
        self._since_start, self._peak = 0.0, 0
        self._meters.start_again()
        self._held_before = _held_by_zygotes()

    def waited_for(self, pid: int, usage: resource.struct_rusage) -> None:
        """Note that a child of this process has ended."""
        if pid not in APART:
            self._add(usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10)
            self._since_start -= self._charged_alive.pop(pid, 0.0)

    def saw(self, memory: int) -> None:
        """Note how many bytes all processes hold at this moment."""
        self._peak = max(self._peak, memory + self._files())

    def end(self) -> tuple[float, int]:
        """Seconds of processor time since the last command's end; the command's peak in bytes."""
        self._hear_warm()
        total = self._total()
        seconds = total - self._charged
        if self._meters.seconds() is None:  # what still runs is then counted in whole ticks
            seconds = max(seconds, self._since_start)
        self._charged = total
        self.saw(0)
        # A zygote that is still importing held less at the peak than it does now, and the command
        # must not gain by the difference.
        held = min(self._held_before, _held_by_zygotes())
        memory = self._meters.most_memory()
        return seconds, max(self._peak, memory - held if memory else 0)

    def _add(self, seconds: float, peak: int) -> None:
        self._waited_for += seconds
        self._since_start += seconds
        self._peak = max(self._peak, peak)

    def _hear_warm(self) -> None:
        if self.warm:
            seconds, peak = self.warm.used()
            self._add(seconds, peak << 10)

    def _total(self) -> float:
        counted = self._meters.seconds()
        if counted is None:
            self._charged_alive = _seconds_of_living()
            return self._waited_for + sum(self._charged_alive.values())
        own = resource.getrusage(resource.RUSAGE_SELF)
        self._zygotes.update((pid, _seconds_of(pid, 2)) for pid in APART)
        return counted - own.ru_utime - own.ru_stime - sum(self._zygotes.values())

    def _files(self) -> int:
        """Bytes of files in memory."""
        states = map(os.statvfs, self._folders)
        return sum((state.f_blocks - state.f_bfree) * state.f_frsize for state in states)


def _seconds_of_living() -> dict[int, float]:
    if not has_children():
        return {}
    return {pid: _seconds_of(pid, 4) for pid in descendants(process_table())}


def _seconds_of(pid: int, count: int) -> float:
    """Processor time of a process, in user and system mode, and as 3 and 4 of its dead children."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11 : 11 + count])) / TICK


def _held_by_zygotes() -> int:
    """Bytes of memory that zygotes inside hold for themselves."""
    held = 0
    for pid in APART:
        try:
            with open(f"/proc/{pid}/status", "rb") as file:
                held += sum(int(line.split()[1]) for line in file if line.startswith(b"RssAnon:"))
        except OSError:
            continue
    return held << 10

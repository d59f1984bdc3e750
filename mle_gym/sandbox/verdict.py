"""Decides who is responsible for a sandbox that ended or fell silent.

What runs in a sandbox shares a kernel with what supervises it, so there will always be another way
to bring the supervisor down. If that voided an episode, an agent could choose which of its episodes
count. So by default the agent did it: :class:`~mle_gym.errors.SandboxEnded`, which is graded. A
:class:`~mle_gym.errors.SandboxCrashed` needs a cause that was seen from outside, and that nothing
inside can bring about:

- the launcher or the daemon is gone, or doesn't answer;
- the first process was killed or stopped: the kernel lets nobody inside do that to it, and an end
  by the sandbox's own memory limit is recognized as such;
- the host itself ran out of memory, or its processes do nothing but wait for memory;
- nothing that an agent asked for has run yet.

A busy host is not such a cause. It makes answers late, so the host waits for them longer.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from mle_gym.errors import SandboxCrashed, SandboxEnded

__all__ = ["Evidence", "host_is_busy", "host_is_thrashing", "judge"]

_PRESSURE = Path("/proc/pressure")
_MEMORY = Path("/proc/meminfo")
_BUSY_PERCENT = 50.0
"""Share of the last ten seconds in which some process waited for a processor."""
_BUSY_LOAD = 2.0
"""Processes for each processor that run or wait to, where the kernel has no pressure figures."""
_THRASHING_PERCENT = 30.0
"""Share of the last ten seconds in which all processes waited for memory."""
_LITTLE_MEMORY = 0.05
"""Share of the host's memory below which it is short of memory. Processes that wait at the limit of
their own control group cause the same pressure, but leave the host its memory."""


@dataclass(frozen=True)
class Evidence:
    """What was seen of a sandbox from outside. Nothing here is the sandbox's own word."""

    note: str = ""
    """What the programs that start a sandbox wrote, for messages."""
    supervised: bool = True
    """Whether the launcher or the daemon answers."""
    killed: bool = False
    """Whether a signal ended the sandbox that nobody inside can send."""
    stopped: bool = False
    """Whether its first process was stopped in such a way."""
    own_memory: bool = False
    """Whether the sandbox's own memory limit has ended one of its processes."""
    host_memory: bool = False
    """Whether the host's memory ran out while the sandbox was there."""

    @property
    def hopeless(self) -> bool:
        """Whether a silent sandbox will stay silent."""
        return not self.supervised or self.stopped or self.killed


def judge(what: str, evidence: Evidence, *, silent: bool, used: bool) -> SandboxCrashed:
    """Make the error to raise for a sandbox that can no longer be used.

    Args:
        what: What happened, for the message.
        evidence: What was seen from outside.
        silent: Whether it didn't answer in time, as opposed to ending or sending nonsense.
        used: Whether anything that an agent asked for has run in it.
    """
    if evidence.own_memory and evidence.supervised and used:
        return SandboxEnded(f"{what}: it ran out of memory", killed_by="memory")
    kind, cause = _outside(evidence, silent=silent, used=used)
    if not kind:
        return SandboxEnded(what)
    return SandboxCrashed(f"{what}: {cause}" if cause else what, kind=kind)


def _outside(evidence: Evidence, *, silent: bool, used: bool) -> tuple[str, str]:
    """The kind of failure and its cause; both empty if no cause was seen from outside."""
    if not evidence.supervised:
        return "sandbox_died", "what supervises it is gone or does not answer"
    if evidence.killed and evidence.host_memory:
        return "host_out_of_memory", "the kernel killed it because the host's memory ran out"
    if evidence.killed:
        return "sandbox_died", "it was killed from outside"
    if evidence.stopped:
        return "sandbox_silent", "it was stopped from outside"
    if silent and host_is_thrashing():
        return "sandbox_silent", "the host has too little memory to go on"
    if not used:
        return ("sandbox_silent" if silent else "sandbox_died"), ""
    return "", ""


def host_is_busy() -> bool:
    """Whether processes here wait for a processor for so long that answers may be late."""
    waiting = _pressure("cpu", "some")
    if waiting is None:
        return os.getloadavg()[0] > _BUSY_LOAD * (os.cpu_count() or 1)
    return waiting > _BUSY_PERCENT


def host_is_thrashing() -> bool:
    """Whether this machine's processes do little else than wait for memory."""
    waiting = (_pressure("memory", "full") or 0.0) > _THRASHING_PERCENT
    return waiting and _available_memory() < _LITTLE_MEMORY


def _available_memory() -> float:
    """The share of the host's memory that is still available to programs."""
    lines = _MEMORY.read_text(encoding="ascii").splitlines()
    figures = {name: float(rest.split()[0]) for name, _, rest in (x.partition(":") for x in lines)}
    return figures["MemAvailable"] / figures["MemTotal"]


def _pressure(resource: str, who: str) -> float | None:
    """The percentage of the last ten seconds in which processes waited; None if unknown."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (_PRESSURE / resource).read_text(encoding="ascii").splitlines():
            name, average, *_ = line.split()
            if name == who:
                return float(average.partition("=")[2])
    return None

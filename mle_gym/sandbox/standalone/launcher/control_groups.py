"""Control groups, by which the kernel limits and accounts for what a sandbox uses."""

from __future__ import annotations

import contextlib
import os
import signal

from ..shared.group_folders import own_groups
from ..shared.kernel_files import lines, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..shared.launcher_messages import GroupLimits

CONTROLLERS = ("memory", "pids", "cpu")
ACCOUNTANT = "cpuacct"
"""Version 1's controller that counts processor time and limits nothing."""
SOCKET_BYTES = 128 << 20
"""What the queues of a sandbox's sockets may hold. Version 1 counts them only where they have a
limit, and separately from other memory. Without one they would use up what the whole machine has
for them."""


class ControlGroups:
    """Makes a group for each sandbox, in every controller that this process may use."""

    def __init__(self) -> None:
        self._bases = self._find()
        self._serial = 0
        self._discarded: list[str] = []
        self.controllers = sorted(set(self._bases) - {ACCOUNTANT})
        self._sweep()

    def _find(self) -> dict[str, str]:
        """Map each usable controller to the folder in which groups can be made."""
        bases = {}
        for names, point, own in own_groups():
            if names == {""}:
                bases.update(self._find_version_2(point, own))
            else:
                bases.update(dict.fromkeys(names & {*CONTROLLERS, ACCOUNTANT}, own))
        return {name: base for name, base in bases.items() if os.access(base, os.W_OK)}

    def _find_version_2(self, point: str, own: str) -> dict[str, str]:
        """In version 2, only groups without processes of their own may contain other groups."""
        for parent in (os.environ.get("MLE_GYM_CGROUP", ""), own, point):
            group = f"{parent}/mle-gym"
            try:
                names = set("".join(lines(f"{parent}/cgroup.controllers")).split())
                names &= set(CONTROLLERS)
                enable = " ".join(f"+{name}" for name in sorted(names))
                write(f"{parent}/cgroup.subtree_control", enable)
                os.makedirs(group, exist_ok=True)
                write(f"{group}/cgroup.subtree_control", enable)
            except OSError:
                continue
            return {name: group for name in names}
        return {}

    def _sweep(self) -> None:
        """End what a killed launcher left behind.

        bubblewrap's inner process survives if the outer one is killed before it has released it.
        """
        for base in set(self._bases.values()):
            for name in os.listdir(base):
                if name.startswith("mle-gym-") and name.count("-") == 3:
                    owner = name.split("-")[2]
                    if not os.path.exists(f"/proc/{owner}"):
                        _kill(f"{base}/{name}")
                        self._discarded.append(f"{base}/{name}")

    def make(self, limits: GroupLimits) -> list[str]:
        """Make the groups of one sandbox."""
        self._serial += 1
        groups = []
        for base in set(self._bases.values()):
            group = f"{base}/mle-gym-{os.getpid()}-{self._serial}"
            os.mkdir(group)
            groups.append(group)
        memory, processes = str(int(limits["memory_bytes"])), str(int(limits["processes"]))
        quota = str(int(limits["cpus"] * 100_000))
        settings = {
            "memory.limit_in_bytes": memory,
            "memory.memsw.limit_in_bytes": memory,
            "memory.kmem.tcp.limit_in_bytes": str(SOCKET_BYTES),  # the name is older than it means
            "memory.max": memory,
            "memory.swap.max": "0",
            "pids.max": processes,
            "cpu.cfs_quota_us": quota,
            "cpu.max": f"{quota} 100000",
        }
        for group in groups:
            known = set(os.listdir(group))
            for name, value in settings.items():
                if name in known:
                    write(f"{group}/{name}", value)
        return groups

    def discard(self, groups: list[str]) -> None:
        """Have :meth:`remove` remove groups once the last process in them is gone."""
        self._discarded += groups

    def remove(self) -> bool:
        """Remove discarded groups that are empty; returns whether some are not empty yet."""
        self._discarded = [group for group in self._discarded if not _remove(group)]
        return bool(self._discarded)


def _kill(group: str) -> None:
    for pid in lines(f"{group}/cgroup.procs"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def _remove(group: str) -> bool:
    try:
        os.rmdir(group)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True

"""Bounds each sandbox's share of what the kernel counts by user or for the whole machine.

Each sandbox has a file system of its own for terminals, which holds only a few. The sandboxes of an
ordinary user share that user's count of watched files, so each gets a user namespace with a limit
of its own. Root's sandboxes belong to different users, whose counts are separate.
"""

from __future__ import annotations

import os

from ..shared.kernel_files import write
from ..shared.system_calls import (
    CLONE_NEWNS,
    CLONE_NEWUSER,
    MS_NOEXEC,
    MS_NOSUID,
    make_mounts_private,
    make_mounts_slaves,
    mount,
    unshare,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

TERMINALS = "/dev/pts"
ARGUMENTS = ["--dev-bind", TERMINALS, TERMINALS]
"""For bubblewrap, after what makes ``/dev``: the file system that :func:`bound` mounted."""
MOST_TERMINALS = 64
MOST_WATCHES = {"max_inotify_instances": 32, "max_inotify_watches": 8192}


def can_bound() -> bool:
    """Whether :func:`bound` works here, found out by trying."""
    pid = os.fork()
    if pid == 0:
        try:
            bound(os.getuid())
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def bound(uid: int) -> None:
    """Enter namespaces in which the bounds hold. Called between fork and exec.

    Args:
        uid: The user to whom the sandbox belongs.
    """
    enter_namespaces(uid, make_mounts_slaves)
    if os.geteuid() != 0:
        for name, most in MOST_WATCHES.items():
            write(f"/proc/sys/user/{name}", str(most))
    options = f"newinstance,ptmxmode=0666,mode=620,max={MOST_TERMINALS}"
    mount("devpts", TERMINALS, "devpts", MS_NOSUID | MS_NOEXEC, options)


def enter_namespaces(uid: int, separate: Callable[[], None] = make_mounts_private) -> None:
    """Enter a mount namespace, and for an ordinary user the user namespace that it requires.

    Args:
        uid: The user.
        separate: Separates its mounts from those of others.
    """
    if os.geteuid() == 0:
        unshare(CLONE_NEWNS)
    else:
        gid = os.getegid()
        unshare(CLONE_NEWNS | CLONE_NEWUSER)
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{uid} {uid} 1")
        write("/proc/self/gid_map", f"{gid} {gid} 1")
    separate()

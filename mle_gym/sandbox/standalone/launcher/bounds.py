"""What the kernel counts by user or for the whole machine, bounded for each sandbox.

Terminals come from a file system of the sandbox's own that holds a few. An ordinary user's
sandboxes share that user's count of watched files: a user namespace around each has a limit of its
own. Root's sandboxes belong to different users, whose counts are apart.
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
    mount,
    unshare,
)

TERMINALS = "/dev/pts"
ARGUMENTS = ["--dev-bind", TERMINALS, TERMINALS]
"""For bubblewrap, behind what makes ``/dev``: the file system that :func:`bound` mounted."""
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
    """Enter namespaces in which the bounds hold; between fork and exec.

    Args:
        uid: Who the sandbox belongs to.
    """
    enter_namespaces(uid)
    if os.geteuid() != 0:
        for name, most in MOST_WATCHES.items():
            write(f"/proc/sys/user/{name}", str(most))
    options = f"newinstance,ptmxmode=0666,mode=620,max={MOST_TERMINALS}"
    mount("devpts", TERMINALS, "devpts", MS_NOSUID | MS_NOEXEC, options)


def enter_namespaces(uid: int) -> None:
    """A mount namespace, and for an ordinary user the user namespace that it takes."""
    if os.geteuid() == 0:
        unshare(CLONE_NEWNS)
    else:
        gid = os.getegid()
        unshare(CLONE_NEWNS | CLONE_NEWUSER)
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{uid} {uid} 1")
        write("/proc/self/gid_map", f"{gid} {gid} 1")
    make_mounts_private()

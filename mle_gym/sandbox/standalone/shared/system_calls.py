"""System calls about mounts, namespaces and processes that Python has no functions for."""

from __future__ import annotations

import ctypes
import os
import signal

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_MOVE, MS_REC = 32, 4096, 8192, 16384
MS_PRIVATE, MS_SLAVE, MS_SHARED = 1 << 18, 1 << 19, 1 << 20
MNT_DETACH = 2
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME = 1, 4, 15
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
PR_SET_MM, PR_SET_MM_MAP = 35, 14

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    """Turn a failed call of libc into an exception."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int = 0) -> None:
    """Call ``prctl`` with one argument."""
    check(libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def mount(
    source: str | None, target: str, kind: str | None, flags: int, data: str | None = None
) -> None:
    """Call ``mount``."""
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    check(libc.mount(texts[0], texts[1], texts[2], flags, texts[3]), f"mount {target}")


def unmount(target: str, flags: int) -> None:
    """Call ``umount2``."""
    check(libc.umount2(os.fsencode(target), flags), f"unmount {target}")


def unshare(flags: int) -> None:
    """Enter new namespaces of these kinds."""
    check(libc.unshare(flags), "unshare")


def make_mounts_private() -> None:
    """Share no mount between this mount namespace and others, in either direction."""
    mount(None, "/", None, MS_REC | MS_PRIVATE)


def make_mounts_slaves() -> None:
    """Let mounts come from other mount namespaces, as far as those share any, and none go there."""
    mount(None, "/", None, MS_REC | MS_SLAVE)


def die_with(parent: int) -> None:
    """Have this process killed when its parent ends. A later change of user undoes that."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(127)

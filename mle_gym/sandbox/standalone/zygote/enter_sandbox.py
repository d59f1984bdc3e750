"""Moves a fork of the zygote into a sandbox and takes away all that it may do outside."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
from dataclasses import dataclass

from ..shared.kernel_files import write
from ..shared.system_calls import (
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_CAPBSET_DROP,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_SECCOMP,
    SECCOMP_MODE_FILTER,
    check,
    libc,
    prctl,
)

NS_GET_USERNS = 0xB701
CAPABILITY_VERSION_3 = 0x20080522
LAST_CAPABILITY = 63
NAMESPACES = ("user", "net", "ipc", "uts", "cgroup", "pid", "mnt")


@dataclass(frozen=True)
class Place:
    """What a zygote knows about a sandbox."""

    uid: int
    """The user on the host to whom the sandbox belongs."""
    groups: tuple[str, ...]
    """Control groups: folders that have a file ``cgroup.procs``."""
    processes: int
    """How many processes the sandbox's user may have in its user namespace."""
    limits: tuple[tuple[int, int, int], ...] = ()
    """Numbers of resources, with the soft and the hard limits that the sandbox's programs have."""
    inside: bool = False
    """Whether the zygote runs inside it, and so is as confined as a command."""


class _Filter(ctypes.Structure):
    """``struct sock_fprog`` of the kernel."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def enter(place: Place, namespaces: int, own: dict[str, int], system_calls: bytes) -> None:
    """Join the sandbox: afterwards this process can do no more than an agent's command.

    Meanwhile nothing in the sandbox can address it: it stays in the zygote's process namespace, and
    only its children are in the sandbox's. A zygote inside a sandbox has nothing to enter.

    Args:
        place: The sandbox.
        namespaces: Descriptor of the folder ``/proc/PID/ns`` of a process in it.
        own: Name to inode of this process's namespaces.
        system_calls: The sandbox's filter; empty for none.
    """
    prctl(PR_SET_DUMPABLE, 0)
    if place.inside:
        os.setsid()
        drop_privileges()
        return
    opened = _open_namespaces(namespaces, own)
    for group in place.groups:
        _join(group)
    os.setsid()
    if os.getuid() != place.uid:
        os.setgroups([])
        os.setresgid(place.uid, place.uid, place.uid)
        os.setresuid(place.uid, place.uid, place.uid)
        prctl(PR_SET_DUMPABLE, 0)
    for descriptor in opened:
        check(libc.setns(descriptor, 0), "setns")
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NICE, (0, 0))
    for number, soft, hard in place.limits:
        resource.setrlimit(number, (soft, hard))
    resource.setrlimit(resource.RLIMIT_NPROC, (place.processes, place.processes))
    drop_privileges()
    if system_calls:
        limit_system_calls(system_calls)


def _join(group: str) -> None:
    """Move this process, which has a single thread, to a control group.

    Version 1 moves a thread at once. It moves a process only after a grace period of all
    processors, which takes 5 to 20 ms.
    """
    for name in ("tasks", "cgroup.procs"):
        with contextlib.suppress(FileNotFoundError):
            write(f"{group}/{name}", "0")
            return
    raise FileNotFoundError(group)


def _open_namespaces(folder: int, own: dict[str, int]) -> list[int]:
    """Open the namespaces, in the order in which they can be entered.

    The user namespace that owns the mounts comes first, since it gives the right to enter the
    others. If bubblewrap nested a second one, it is entered last.
    """
    opened = {}
    for name in NAMESPACES:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        if os.fstat(descriptor).st_ino == own.get(name):
            if name in ("user", "pid", "mnt"):
                raise PermissionError(f"the sandbox has no {name} namespace of its own")
            os.close(descriptor)
        else:
            opened[name] = descriptor
    inner = opened.pop("user")
    owner = fcntl.ioctl(opened["mnt"], NS_GET_USERNS)
    if os.fstat(owner).st_ino == os.fstat(inner).st_ino:
        os.close(inner)
        return [owner, *opened.values()]
    return [owner, *opened.values(), inner]


def own_namespaces() -> dict[str, int]:
    """The inodes of this process's namespaces."""
    found = {}
    for name in NAMESPACES:  # the folder can't be listed by a process that nobody may look into
        with contextlib.suppress(FileNotFoundError):
            found[name] = os.stat(f"/proc/self/ns/{name}").st_ino
    return found


def drop_privileges() -> None:
    """Give up every capability for good."""
    for capability in range(LAST_CAPABILITY + 1):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    check(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def limit_system_calls(program: bytes) -> None:
    """Install a filter for good: an array of ``struct sock_filter``."""
    filter = _Filter(len(program) // 8, program)
    result = libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter), 0, 0)
    check(result, "prctl")

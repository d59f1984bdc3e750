"""What no machine-learning workload needs of the kernel, and why it is taken away.

Everything else that :mod:`.call_numbers` knows is allowed; what it does not know, because it is
newer or belongs to another binary interface, does not exist.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

__all__ = ["CONDITIONS", "DENIED", "NOT_THERE", "Condition", "Test"]

DENIED: dict[str, tuple[str, ...]] = {
    "looking into other processes": (
        *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp"),
        *("process_madvise", "process_mrelease"),
    ),
    "namespaces and mounts": (
        *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "move_mount"),
        *("open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"),
    ),
    "files by handle, and watching whole file systems": (
        *("name_to_handle_at", "open_by_handle_at", "fanotify_init", "fanotify_mark"),
    ),
    "keys, which no namespace separates": ("add_key", "request_key", "keyctl"),
    "large parts of the kernel with a long record of holes": (
        *("bpf", "perf_event_open", "userfaultfd", "memfd_secret", "remap_file_pages"),
        *("io_uring_setup", "io_uring_enter", "io_uring_register", "modify_ldt"),
    ),
    "administration of the machine": (
        *("kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module"),
        *("reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog"),
        *("sethostname", "setdomainname", "iopl", "ioperm", "vhangup", "lookup_dcookie"),
        *("settimeofday", "clock_settime", "clock_adjtime", "adjtimex"),
    ),
    "memory that belongs to no process, and that no limit of a disk holds": (
        *("shmget", "shmat", "shmctl", "shmdt", "msgget", "msgctl", "msgsnd", "msgrcv"),
        *("semget", "semctl", "semop", "semtimedop"),
    ),
    "requests of which the machine has a number for all": ("io_setup",),
    "where memory lies, of other processes too": (
        *("mbind", "get_mempolicy", "set_mempolicy", "set_mempolicy_home_node"),
        *("move_pages", "migrate_pages"),
    ),
    "obsolete": (
        *("create_module", "get_kernel_syms", "query_module", "nfsservctl", "uselib", "ustat"),
        *("sysfs", "_sysctl", "getpmsg", "putpmsg", "afs_syscall", "tuxcall", "security"),
        *("vserver", "epoll_ctl_old", "epoll_wait_old"),
    ),
}
"""By reason, the calls that fail with ``EPERM``."""

NOT_THERE = ("clone3",)
"""Calls that fail with ``ENOSYS``, so that libraries use an older call whose flags can be
checked."""


@dataclass(frozen=True)
class Test:
    """Whether ``argument & mask == value`` in the lower 32 bits: the kernel reads no others."""

    argument: int
    """0 to 5."""
    value: int
    mask: int = 0xFFFFFFFF


@dataclass(frozen=True)
class Condition:
    """A call that is allowed only with certain arguments."""

    allowed: tuple[tuple[Test, ...], ...]
    """A call is allowed if all tests of any of these hold."""
    error: int = errno.EPERM
    """The error of other calls; with 0 they succeed without an effect."""


def _all_but(argument: int, values: set[int], bits: int = 32) -> tuple[tuple[Test, ...], ...]:
    """Tests that any number of so many bits but these passes.

    They are as few prefixes as possible that none of the numbers has.
    """
    found, prefixes = [], {0}
    for bit in range(bits - 1, -1, -1):
        taken = {value >> bit for value in values}
        for prefix in {2 * p + low for p in prefixes for low in (0, 1)} - taken:
            found.append((Test(argument, prefix << bit, 0xFFFFFFFF >> bit << bit),))
        prefixes = taken
    return tuple(sorted(found, key=lambda tests: tests[0].mask))


_NEW_NAMESPACES = 0x7E020000
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK, _NETLINK_ROUTE = 1, 2, 10, 16, 0
_TIOCSTI, _TIOCLINUX, _TIOCCONS = 0x5412, 0x541C, 0x541D
_PRIO_PROCESS, _IOPRIO_WHO_PROCESS = 0, 1
_PR_SET_SECCOMP, _PR_SCHED_CORE = 22, 62
_SECCOMP_SET_MODE_FILTER = 1
_SOL_SOCKET = 1
_SOCKET_FILTERS = {26, 50, 51, 52}
"""``SO_ATTACH_FILTER``, ``_BPF``, ``_REUSEPORT_CBPF`` and ``_REUSEPORT_EBPF``."""
_MAP_HUGETLB, _MFD_HUGETLB = 0x40000, 4
_F_SETLEASE, _F_NOTIFY = 1024, 1026
_ITSELF = Condition(((Test(0, 0),),))
"""A call whose first argument is a process, of which 0 is the caller. Agents share their user with
the process that supervises them, and a filter can't tell one number from another."""

CONDITIONS = {
    "clone": Condition(((Test(0, 0, _NEW_NAMESPACES),),)),
    # Netlink lists network interfaces; its other protocols steer firewalls, audit and so on.
    "socket": Condition(
        (
            (Test(0, _AF_UNIX),),
            (Test(0, _AF_INET),),
            (Test(0, _AF_INET6),),
            (Test(0, _AF_NETLINK), Test(2, _NETLINK_ROUTE)),
        ),
        errno.EAFNOSUPPORT,
    ),
    "socketpair": Condition(((Test(0, _AF_UNIX),),), errno.EAFNOSUPPORT),
    # The usual personality, and asking which one it is.
    "personality": Condition(((Test(0, 0),), (Test(0, 0xFFFFFFFF),))),
    # Typing into a terminal, and what consoles do.
    "ioctl": Condition(_all_but(1, {_TIOCSTI, _TIOCLINUX, _TIOCCONS})),
    # A lease on a file that others may read keeps them waiting when they open it. Watching a folder
    # this way has been superseded by inotify, which has limits of its own.
    "fcntl": Condition(_all_but(1, {_F_SETLEASE, _F_NOTIFY})),
    # Limits and precedence of the caller, and of no other process.
    "prlimit64": _ITSELF,
    "sched_setscheduler": _ITSELF,
    "sched_setparam": _ITSELF,
    "sched_setattr": _ITSELF,
    # Libraries place their threads, which have numbers of their own, and give up where they can't.
    "sched_setaffinity": Condition(((Test(0, 0),),), error=0),
    "setpriority": Condition(((Test(0, _PRIO_PROCESS), Test(1, 0)),)),
    "ioprio_set": Condition(((Test(0, _IOPRIO_WHO_PROCESS), Test(1, 0)),)),
    # The kernel compiles filters of packets and of calls into memory that the whole machine shares.
    # One sandbox can fill it, and then no other one starts, since it can't install its own filter.
    "setsockopt": Condition(
        (*_all_but(1, {_SOL_SOCKET}, bits=16), *_all_but(2, _SOCKET_FILTERS, bits=8))
    ),
    "seccomp": Condition(_all_but(0, {_SECCOMP_SET_MODE_FILTER})),
    # Whose threads share a core with nobody else's takes the rest of that core from all others.
    "prctl": Condition(_all_but(0, {_PR_SET_SECCOMP, _PR_SCHED_CORE})),
    # Huge pages are set aside by the machine's administrator, and no control group counts them.
    # Programs that ask for some go on without, as on a machine that has none.
    "mmap": Condition(((Test(3, 0, _MAP_HUGETLB),),), errno.ENOMEM),
    "memfd_create": Condition(((Test(1, 0, _MFD_HUGETLB),),), errno.ENOMEM),
    # They would write down what the whole machine has written; a sandbox writes to memory alone.
    "sync": Condition((), error=0),
    "syncfs": Condition((), error=0),
}
"""By name, the calls whose arguments decide."""

"""How many open files and pending signals the launcher and a sandbox's programs may have."""

from __future__ import annotations

import resource

OPEN_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)
"""The limits with which this process started; :func:`raise_open_files` raises its own."""
MOST_OPEN_FILES, MOST_SIGNALS = 4096, 4096


def at_most(number: int, most: int) -> tuple[int, int]:
    """The current limits of a resource, lowered to at most ``most``."""
    soft, hard = (
        most if each == resource.RLIM_INFINITY else min(each, most)
        for each in resource.getrlimit(number)
    )
    return soft, hard


SANDBOX_LIMITS = {
    resource.RLIMIT_NOFILE: at_most(
        resource.RLIMIT_NOFILE, min(MOST_OPEN_FILES, OPEN_FILES[1] // 2)
    ),
    resource.RLIMIT_SIGPENDING: at_most(resource.RLIMIT_SIGPENDING, MOST_SIGNALS),
}
"""The limits of every program in a sandbox, warm ones included.

The kernel refuses to send a descriptor when the descriptors that a user's processes have in transit
through sockets outnumber the sender's soft limit of open files. So our own processes that send
descriptors have a limit well above that of every program, or programs could block them.
"""


def raise_open_files() -> None:
    """Raise the soft limit: each sandbox needs three descriptors or more, so 1024 are too few."""
    _, most = OPEN_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 1 << 19), most))

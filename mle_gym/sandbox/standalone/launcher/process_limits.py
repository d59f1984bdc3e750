"""How many open files and pending signals the launcher and a sandbox's programs may have."""

from __future__ import annotations

import resource

OPEN_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)
"""What this process was started with; its own limit grows with the number of sandboxes."""
MOST_OPEN_FILES, MOST_SIGNALS = 4096, 4096


def at_most(number: int, most: int) -> tuple[int, int]:
    """The present limits of a resource, lowered."""
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
"""What each of a sandbox's programs may have, warm ones too.

The kernel refuses to send a descriptor once all descriptors on the way in sockets, of all processes
of a user, are more than the sender's soft limit of open files. What sends descriptors for us has a
limit well above that of every program, or programs could keep it from that.
"""


def raise_open_files() -> None:
    """Three or more descriptors a sandbox: the usual soft limit is good for 300 of them."""
    _, most = OPEN_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 1 << 19), most))

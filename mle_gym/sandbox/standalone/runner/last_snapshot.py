"""The snapshot that a workspace was last equal to, and how to see what has changed since."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os

    Mark = tuple[int, ...]
    """What can't stay the same when a file changes; empty if that is not certain."""

COARSE_CLOCK = 5
"""``CLOCK_REALTIME_COARSE``, the clock of time stamps on files."""


class LastSnapshot:
    """What the runner knows about the last snapshot. At first there is none."""

    def __init__(self) -> None:
        self.id = ""
        self.known: dict[str, Mark] | None = None
        """Path to mark of everything in it; None if it was mounted and not scanned since."""
        self.device, self.mounted = -1, 0
        """Device number of the mounted snapshot's files, and when the sandbox was given them."""

    def holds(self, status: os.stat_result) -> bool:
        """Whether this is a file of the mounted snapshot, untouched.

        A changed copy may keep the number of the mounted file, but not its age.
        """
        return status.st_dev == self.device and status.st_ctime_ns < self.mounted


def mark_of(status: os.stat_result, *, mounted: bool = False) -> Mark:
    """The mark of a file.

    Args:
        status: What ``lstat`` says of it.
        mounted: Whether it is a mounted snapshot's.
    """
    # Nobody can set the time of an inode's last change, unlike that of its content. A mounted
    # file's own does change, when the host makes a link to it.
    changed = 0 if mounted else status.st_ctime_ns
    own = status.st_dev, status.st_ino, status.st_size, status.st_mode
    return (*own, status.st_mtime_ns, changed)

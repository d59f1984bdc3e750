"""Brings folders into a sandbox after its start, read-only.

A sandbox that is started ahead shows an empty folder of ours in the place of each folder of data.
Such a folder is a mount that passes on to the sandbox what is mounted over it: the sandbox has a
slave of it, because bubblewrap makes slaves of all mounts, and :func:`bound` no less.
"""

from __future__ import annotations

import contextlib
import os

from ..shared.system_calls import (
    MNT_DETACH,
    MS_BIND,
    MS_MOVE,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REMOUNT,
    MS_SHARED,
    mount,
    unmount,
)

MOST_UNUSED = 32
"""How many discarded places may wait until there is time to remove them."""


class LateMounts:
    """Makes places in which folders can appear later.

    Args:
        root: A folder that nobody else writes, on a mount that nobody shares.
    """

    def __init__(self, root: str) -> None:
        self._folder = f"{root}/late"
        self._incoming = f"{root}/incoming"
        self._made = 0
        self._unused: list[str] = []
        os.mkdir(self._folder, 0o711)
        os.mkdir(self._incoming, 0o700)

    def make(self) -> str:
        """Make a place: an empty folder that bubblewrap can show."""
        self._made += 1
        place = f"{self._folder}/{self._made}"
        os.mkdir(place, 0o755)
        mount(place, place, None, MS_BIND)
        mount(None, place, None, MS_SHARED)
        return place

    def show(self, source: str, place: str) -> None:
        """Have a folder appear in a place.

        Raises:
            OSError: The kernel refuses that.
        """
        mount(source, self._incoming, None, MS_BIND)
        try:
            # An ordinary user may take none of these from a mount of the host's.
            kept = os.statvfs(source).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)
            flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | kept
            mount(None, self._incoming, None, flags)
            # Unlike another mount of it, this arrives with its flags, and leaves nothing here.
            mount(self._incoming, place, None, MS_MOVE)
        except OSError:
            unmount(self._incoming, MNT_DETACH)
            raise

    def discard(self, places: list[str]) -> None:
        """Have places removed when there is time: their sandbox is gone."""
        self._unused += places

    @property
    def has_unused(self) -> bool:
        """Whether there are discarded places."""
        return bool(self._unused)

    def remove(self, *, idle: bool) -> None:
        """Remove discarded places: all if there is nothing else to do, otherwise what is too many.

        The kernel waits for all processors before it lets go of a mount.
        """
        while len(self._unused) > (0 if idle else MOST_UNUSED):
            place = self._unused.pop()
            with contextlib.suppress(OSError):  # nothing is mounted there any more
                while True:
                    unmount(place, MNT_DETACH)
            os.rmdir(place)

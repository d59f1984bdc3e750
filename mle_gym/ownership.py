"""Whose the cache is. What lies there is run on the host and believed when it is graded.

Compiled programs, prepared answers and downloads come out of the cache, so whoever may write it
decides every result. It must belong to this user or to root, all the way up, and nobody else may
write it. A lab that shares one on purpose sets ``MLE_GYM_SHARED_CACHE=1``, which trusts its group.
"""

from __future__ import annotations

import functools
import grp
import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path

from mle_gym.errors import CacheError
from mle_gym.paths import cache_folder

__all__ = ["SHARED", "check_owner", "check_private", "checked_cache", "make_private", "own_cache"]

SHARED = "MLE_GYM_SHARED_CACHE"
"""Set to 1: the cache is shared with its group, whose members may write what others then run."""
_NOBODY = 65534
"""Whom files belong to whose owner has no number in this user namespace."""


def own_cache(name: str) -> Path:
    """A folder of the cache, made for this user alone if it is missing.

    Raises:
        CacheError: Others may write it, or what leads to it; says how to mend that.
        OSError: It can't be made.
    """
    return make_private(cache_folder().resolve() / name)


def checked_cache(name: str) -> Path:
    """The same without making it; raises as :func:`own_cache`, but for the OSError.

    What leads to the cache is looked at when a process first asks, and again when the folder or the
    cache's own changed: every reset comes along here.
    """
    given = cache_folder().absolute() / name
    stamp = (os.environ.get(SHARED), _stamp(given), _stamp(given.parent))
    known = _passed.get(given)
    if known is None or known[0] != stamp:
        folder = given.parent.resolve() / name
        check_private(folder)
        known = _passed[given] = (stamp, folder)
    return known[1]


_passed: dict[Path, tuple[object, Path]] = {}
"""Folders of the cache that were fine, as they were then, and where they really are."""


def _stamp(folder: Path) -> tuple[int, int] | None:
    """Changes whenever the folder, its owner or its mode does."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns


def make_private(folder: Path) -> Path:
    """Make a folder for this user alone, if it is missing; raises as :func:`own_cache`."""
    for path in reversed((folder, *folder.parents)):
        if not path.is_dir():
            path.mkdir(mode=0o700, exist_ok=True)
    check_private(folder)
    return folder


def check_private(folder: Path) -> None:
    """Refuse a folder that others may write, as far as it is there.

    Every folder above it is looked at too: whoever may rename one of them may replace it. In a
    sticky one as ``/tmp`` nobody may. But anybody may add names there, so that neither the folder
    itself nor the cache's own may be one.

    Raises:
        CacheError: Says whose it is, and how to mend that.
    """
    shared = os.environ.get(SHARED) == "1"
    caches = {cache_folder().absolute(), cache_folder().resolve()}
    for path in (folder, *folder.parents):
        with suppress(FileNotFoundError, NotADirectoryError):
            status = path.stat()
            above = path != folder and caches.isdisjoint((path, *path.parents))
            _check(path, status, shared, sticky=above and bool(status.st_mode & stat.S_ISVTX))


def check_owner(path: Path, status: os.stat_result | None = None) -> None:
    """Refuse a file or folder in the cache that is somebody else's, or that others may write.

    Raises:
        CacheError: Says whose it is, and how to mend that.
        OSError: It isn't there.
    """
    status = path.lstat() if status is None else status
    _check(path, status, os.environ.get(SHARED) == "1")


def _check(path: Path, status: os.stat_result, shared: bool, *, sticky: bool = False) -> None:
    """Refuse what others may write; in a ``sticky`` folder they can replace nothing of ours."""
    if not (shared or status.st_uid in (0, os.getuid()) or _is_unmapped(status.st_uid)):
        raise CacheError(
            f"{path}: belongs to the user {status.st_uid}, who could plant programs and answers "
            f"in the cache; {_REMEDY}"
        )
    if sticky or stat.S_ISLNK(status.st_mode):
        return
    group = status.st_mode & stat.S_IWGRP and not (shared or _is_own_group(status.st_gid))
    if group or status.st_mode & stat.S_IWOTH:
        raise CacheError(
            f"{path}: other users may write it (mode {stat.S_IMODE(status.st_mode):04o}), and "
            f"could plant programs and answers in the cache; `chmod go-w {path}` after a look at "
            f"what is in it, or {_REMEDY}"
        )


_REMEDY = (
    "set MLE_GYM_CACHE (for imported tasks MLE_GYM_TASKS) to a folder of your own; "
    f"{SHARED}=1 trusts a cache that is shared with a group on purpose"
)


@functools.cache
def _is_own_group(gid: int) -> bool:
    """Whether nobody but this user is in a group, as in those that bear a user's name."""
    if gid == 0:
        return True
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


@functools.cache
def _is_unmapped(uid: int) -> bool:
    """Whether that stands for root outside of a user namespace that does not know it."""
    if uid != _NOBODY:
        return False
    try:
        first = Path("/proc/self/uid_map").read_text().split()[:3]
    except OSError:
        return False
    return first != ["0", "0", "4294967295"]

"""Checks who owns the cache, since its contents are run on the host and trusted in grading.

Compiled programs, prepared answers and downloads come from the cache, so anybody who may write it
decides every result. It and all folders above it must belong to this user or to root, and nobody
else may write them. A lab that shares a cache on purpose sets ``MLE_GYM_SHARED_CACHE=1``, which
trusts its group.
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
"""If set to 1, the cache is shared with its group, whose members may write what others then run."""
_NOBODY = 65534
"""The apparent owner of files whose real owner has no number in this user namespace."""


def own_cache(name: str) -> Path:
    """A folder of the cache, made for this user alone if it is missing.

    Raises:
        CacheError: Others may write it, or a folder above it; the message says how to change that.
        OSError: The folder can't be made.
    """
    return make_private(cache_folder().resolve() / name)


def checked_cache(name: str) -> Path:
    """Like :func:`own_cache`, but doesn't make the folder, and so raises no OSError.

    Every reset calls this. So the folders above the cache are checked at the first call in a
    process, and again only if the folder or the cache's own folder has changed.
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
"""Folders of the cache that passed, with their state at that time and their resolved path."""


def _stamp(folder: Path) -> tuple[int, int] | None:
    """A value that changes whenever the folder, its owner or its mode does."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns


def make_private(folder: Path) -> Path:
    """Make a folder for this user alone, if it is missing. Raises what :func:`own_cache` raises."""
    for path in reversed((folder, *folder.parents)):
        if not path.is_dir():
            path.mkdir(mode=0o700, exist_ok=True)
    check_private(folder)
    return folder


def check_private(folder: Path) -> None:
    """Refuse a folder that others may write, as far as its path exists.

    Every folder above it is also checked, since anybody who may rename one of them may replace the
    folder. In a sticky folder such as ``/tmp`` nobody may rename what belongs to others. But
    anybody may add names there, so neither the folder itself nor the cache's own may be sticky.

    Raises:
        CacheError: The message says who owns the folder, and how to change that.
    """
    shared = os.environ.get(SHARED) == "1"
    caches = {cache_folder().absolute(), cache_folder().resolve()}
    for path in (folder, *folder.parents):
        with suppress(FileNotFoundError, NotADirectoryError):
            status = path.stat()
            above = path != folder and caches.isdisjoint((path, *path.parents))
            _check(path, status, shared, sticky=above and bool(status.st_mode & stat.S_ISVTX))


def check_owner(path: Path, status: os.stat_result | None = None) -> None:
    """Refuse a file or folder in the cache that belongs to another user, or that others may write.

    Raises:
        CacheError: The message says who owns it, and how to change that.
        OSError: There is no such file.
    """
    status = path.lstat() if status is None else status
    _check(path, status, os.environ.get(SHARED) == "1")


def _check(path: Path, status: os.stat_result, shared: bool, *, sticky: bool = False) -> None:
    """Refuse a path that others may write. In a ``sticky`` folder, they can't replace our files."""
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
    """Whether only this user is in a group, such as one with the user's own name."""
    if gid == 0:
        return True
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


@functools.cache
def _is_unmapped(uid: int) -> bool:
    """Whether this number stands for root, seen from a user namespace in which root is unknown."""
    if uid != _NOBODY:
        return False
    try:
        first = Path("/proc/self/uid_map").read_text().split()[:3]
    except OSError:
        return False
    return first != ["0", "0", "4294967295"]

"""Runs a command as an ordinary user who can reach this Python, even in a folder of root's.

Standard library only; run by root as ``python -I -S as_user.py UID FOLDERS COMMAND…``, with the
folders that the user must be able to read separated by colons. Where only root may enter a folder
on the way, an empty one covers it, in a mount namespace of this process's own, that holds nothing
but what leads to those.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x00020000, 4096, 16384, 1 << 18

libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str, flags: int, options: str = "") -> None:
    words = [os.fsencode(word) for word in (source, target, kind)]
    if libc.mount(*words, ctypes.c_ulong(flags), options.encode()) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(target))


def closed(path: Path) -> Path | None:
    """The outermost folder on the way that others may not enter."""
    for folder in reversed(path.parents):
        if not folder.stat().st_mode & 0o001:
            return folder
    return None


def reveal(folders: list[Path]) -> None:
    found = [(folder, closed(folder), os.open(folder, os.O_PATH)) for folder in folders]
    for cover in {cover for _, cover, _ in found if cover}:
        mount("tmpfs", cover, "tmpfs", 0, "mode=755")
    for folder, cover, descriptor in found:
        if cover:
            folder.mkdir(parents=True, exist_ok=True)
            mount(f"/proc/self/fd/{descriptor}", folder, "", MS_BIND | MS_REC)
        os.close(descriptor)


def main(uid: int, folders: list[Path], command: list[str]) -> None:
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    mount("none", Path("/"), "", MS_REC | MS_PRIVATE)
    reveal(folders)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), [Path(path) for path in sys.argv[2].split(":")], sys.argv[3:])

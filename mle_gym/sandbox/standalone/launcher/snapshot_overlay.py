"""Stacks a snapshot's layers for one sandbox: overlayfs with a sized tmpfs on top.

This runs between fork and exec, in the sandbox's own mount namespace, so every mount made here
vanishes with the sandbox.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct

from ..shared.kernel_files import write
from ..shared.system_calls import (
    CLONE_NEWUSER,
    MS_BIND,
    MS_REMOUNT,
    check,
    die_with,
    libc,
    mount,
)

OPEN_TREE, MOVE_MOUNT, MOUNT_SETATTR = 428, 429, 442
AT_FDCWD, AT_EMPTY_PATH, MOVE_FROM_EMPTY_PATH = -100, 0x1000, 4
OPEN_TREE_CLONE, MOUNT_ATTR_IDMAP = 1, 0x00100000


def mount_overlay(point: str, layers: list[str], size: int, left: int, uid: int) -> None:
    """Make ``point/workspace``: the layers with a writable tmpfs on top.

    If the kernel refuses, it is an empty folder on a tmpfs. The host checks that and sends the
    files.

    Args:
        point: An empty folder.
        layers: Topmost first.
        size: Bytes of the tmpfs without layers.
        left: Bytes of the tmpfs with layers, which count against the same limit.
        uid: The user to whom the files will belong.
    """
    mount("tmpfs", point, "tmpfs", 0, f"size={size},mode=711")
    os.chdir(point)
    for name in ("upper", "work", "workspace"):
        os.mkdir(name, 0o755)
        os.chown(name, uid, uid)
    try:
        _mount(layers, uid)
    except OSError as error:
        os.write(2, f"the snapshot can't be mounted and is sent instead: {error}\n".encode())
    else:
        mount(None, point, None, MS_REMOUNT, f"size={left},mode=711")
    finally:
        os.chdir("/")


def _mount(layers: list[str], uid: int) -> None:
    """Mount the overlay in the current folder, where relative names keep the options short."""
    names = []
    users = -1 if uid == os.geteuid() else _user_namespace(uid)
    for number, layer in enumerate(layers):
        name = str(number)
        os.mkdir(name)
        if users == -1:
            mount(layer, name, None, MS_BIND)
        else:
            _mount_as(layer, name, users)
        names.append(name)
    # Without xino, device numbers tell the layers' files from those that were changed since.
    options = f"lowerdir={':'.join(names)},upperdir=upper,workdir=work,xino=off"
    mount("workspace", "workspace", "overlay", 0, options + _rest(users))


def _rest(users: int) -> str:
    """Options that depend on the user.

    Overlays of an ordinary user don't follow redirects: renaming a layer's folder copies it.
    """
    return ",userxattr" if users == -1 else ",redirect_dir=on"


def _user_namespace(uid: int) -> int:
    """A user namespace that maps this process's user to ``uid``, for :func:`_mount_as`."""
    ready, tell = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            signal.set_wakeup_fd(-1)
            libc.unshare(CLONE_NEWUSER)
            die_with(parent)
            os.write(tell, b"x")
            signal.pause()
        os._exit(1)
    try:
        os.read(ready, 1)
        for kind, own in (("uid", os.geteuid()), ("gid", os.getegid())):
            write(f"/proc/{pid}/{kind}_map", f"{own} {uid} 1")
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(ready)
        os.close(tell)


def _mount_as(layer: str, target: str, users: int) -> None:
    """Mount a folder so that its owner appears to be another user (Linux 5.12 and newer)."""
    flags = ctypes.c_uint(OPEN_TREE_CLONE | os.O_CLOEXEC)
    tree = check(libc.syscall(OPEN_TREE, AT_FDCWD, os.fsencode(layer), flags), "open_tree")
    attributes = struct.pack("QQQQ", MOUNT_ATTR_IDMAP, 0, 0, users)
    size = ctypes.c_size_t(len(attributes))
    flags = ctypes.c_uint(AT_EMPTY_PATH)
    check(libc.syscall(MOUNT_SETATTR, tree, b"", flags, attributes, size), "mount_setattr")
    flags = ctypes.c_uint(MOVE_FROM_EMPTY_PATH)
    path = os.fsencode(target)
    check(libc.syscall(MOVE_MOUNT, tree, b"", AT_FDCWD, path, flags), "move_mount")
    os.close(tree)

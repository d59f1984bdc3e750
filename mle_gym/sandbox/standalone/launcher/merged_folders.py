"""Puts folders of the host together into one tree, once for all sandboxes that show the same.

A single mount brings such a tree into a sandbox or a zygote. The tree is on a tmpfs, so it holds
nothing of the host except what was put in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from ..shared.system_calls import (
    CLONE_NEWNS,
    MS_BIND,
    MS_REC,
    PR_SET_DUMPABLE,
    libc,
    make_mounts_private,
    mount,
    unshare,
)
from .kernel_count_limits import enter_namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..shared.launcher_messages import Entry

ROOTS = ("/srv", "/mnt", "/media", "/opt")


def own_root() -> str | None:
    """A folder for our mounts, in this process's own mount namespace; None if that is forbidden.

    For an ordinary user it requires a user namespace, in which all sandboxes and zygotes will be.
    """
    root = next((path for path in ROOTS if os.path.isdir(path)), None)
    if root is None or (os.getuid() != 0 and not _can_enter(root)):
        return None
    _enter(root)
    return root


def _can_enter(root: str) -> bool:
    pid = os.fork()
    if pid == 0:
        try:
            _enter(root)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def _enter(root: str) -> None:
    enter_namespaces(os.getuid())
    mount("tmpfs", root, "tmpfs", 0)
    os.chmod(root, 0o711)
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # lost on entering: the host may look at this process


class Trees:
    """Makes trees, each only once.

    Args:
        root: A folder that nobody else writes.
    """

    def __init__(self, root: str) -> None:
        self._folder = f"{root}/trees"
        self._made: dict[str, str] = {}
        os.mkdir(self._folder, 0o711)

    def __call__(self, entries: Sequence[Entry]) -> str:
        """Return the path of a tree whose entries are made in this order.

        Args:
            entries: Each has a ``target`` below the tree (empty for the tree itself), and one of:
                ``source``, to be mounted there; ``link``, what a symbolic link there names;
                ``text``, what a file there contains; ``mask``, which says whether an earlier
                entry's ``file`` or ``folder`` is to be empty there.
        """
        key = json.dumps([entries, [_identity(entry) for entry in entries]])
        if key not in self._made:
            self._made[key] = self._make(entries)
        return self._made[key]

    def _make(self, entries: Sequence[Entry]) -> str:
        tree = f"{self._folder}/{len(os.listdir(self._folder))}"
        umask = os.umask(0o022)
        try:
            os.mkdir(tree, 0o755)
            for entry in entries:
                self._add(tree, **entry)
        finally:
            os.umask(umask)
        return tree

    def _add(
        self,
        tree: str,
        target: str,
        source: str | None = None,
        link: str | None = None,
        text: str | None = None,
        mask: str | None = None,
    ) -> None:
        place = f"{tree}/{target}"
        os.makedirs(os.path.dirname(place), 0o755, exist_ok=True)
        if link is not None:
            os.symlink(link, place)
        elif text is not None:
            with open(place, "x") as file:
                file.write(text)
        elif mask is not None:
            mount(self._nothing(mask == "folder"), place, None, MS_BIND)
        elif source is not None:
            if not os.path.lexists(place):
                _make_point(place, os.path.isdir(source))
            mount(source, place, None, MS_BIND | MS_REC)

    def _nothing(self, is_folder: bool) -> str:
        path = f"{self._folder}/empty-{'folder' if is_folder else 'file'}"
        if not os.path.exists(path):
            _make_point(path, is_folder)
        return path


def _make_point(path: str, is_folder: bool) -> None:
    if is_folder:
        os.mkdir(path, 0o755)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def _identity(entry: Entry) -> list[int]:
    """Changes when another file or folder takes that name."""
    if "source" not in entry:
        return []
    status = os.stat(entry["source"])
    return [status.st_dev, status.st_ino]


def show_tree(tree: str, place: str) -> None:
    """Show a tree at a place to this process and its children alone."""
    unshare(CLONE_NEWNS)
    make_mounts_private()
    mount(tree, place, None, MS_BIND | MS_REC)

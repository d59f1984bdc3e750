"""Paths to the host's folders that another user can follow."""

from __future__ import annotations

import os

from ..shared.system_calls import MS_BIND, MS_REC, mount


class NeutralPaths:
    """Makes folders below one that only root may enter reachable for other users.

    Args:
        root: What :func:`own_root` made.
    """

    def __init__(self, root: str) -> None:
        self._known: dict[tuple[str, int, int], str] = {}
        self._root = root
        self.overlays = f"{self._root}/overlays"
        os.mkdir(self.overlays, 0o711)

    def __call__(self, source: str) -> str:
        """Return a path that any user can reach and that shows the same as ``source``."""
        if self._reachable(source):
            return source
        descriptor = os.open(source, os.O_PATH | os.O_CLOEXEC)
        try:
            information = os.fstat(descriptor)
            key = (source, information.st_dev, information.st_ino)
            if key not in self._known:
                target = f"{self._root}/{len(self._known)}"
                if os.path.isdir(f"/proc/self/fd/{descriptor}"):
                    os.mkdir(target)
                else:
                    os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
                mount(f"/proc/self/fd/{descriptor}", target, None, MS_BIND | MS_REC)
                self._known[key] = target
            return self._known[key]
        finally:
            os.close(descriptor)

    def _reachable(self, path: str) -> bool:
        """Whether everyone may enter each folder on the way, and our mounts cover none of them."""
        if path == self._root or path.startswith(self._root + "/"):
            return False
        parts = os.path.realpath(path).split("/")[1:-1]
        folders = ("/" + "/".join(parts[: n + 1]) for n in range(len(parts)))
        return all(os.stat(folder).st_mode & 0o001 for folder in folders)

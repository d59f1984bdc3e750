"""A folder that is made once, however many processes want it and however they die.

It is built beside its final place and renamed into it, under a lock that the kernel frees when its
holder is killed. ``manifest.json`` is part of what is renamed: a folder without it isn't there.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from mle_gym.errors import DatasetError
from mle_gym.file_lock import file_lock
from mle_gym.ownership import check_owner, make_private

__all__ = ["make", "read"]

Manifest = dict[str, Any]
MANIFEST = "manifest.json"
PRIVATE = "private"

_examined: dict[Path, int] = {}
"""Folder to its manifest's mtime (ns), once every file below had the right size."""


def read(folder: Path) -> Manifest | None:
    """The manifest of a finished folder; None if there is none or files are missing or damaged.

    The first time a process asks, the folder is refused if anybody else could have made it.

    Sizes are compared: of each file at the top of the public and private folders, and, the first
    time a process asks, of what the folders below hold in all; asking again stays cheap with
    hundreds of thousands of images.

    Raises:
        CacheError: It is somebody else's, or others may write it.
    """
    file = folder / MANIFEST
    try:
        status = file.stat()
        manifest = _parse(file, status.st_mtime_ns, status.st_size)
        known = _examined.get(folder) == status.st_mtime_ns
        if not known:
            _check_owners(folder)
        for name, size in manifest["files"].items():
            if (folder / name).stat().st_size != size:
                return None
        if not known and manifest["below"] != _listing(folder)["below"]:
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    _examined[folder] = status.st_mtime_ns
    return manifest


@lru_cache(maxsize=256)
def _parse(file: Path, _mtime_ns: int, _size: int) -> Manifest:
    content = json.loads(file.read_bytes())
    if not isinstance(content, dict):
        raise ValueError("expected an object")
    return content


def make(
    folder: Path, build: Callable[[Path], Manifest], *, replace: bool = False
) -> Manifest:  # fmt: skip
    """The manifest of ``folder``, building it if no other process has or is about to.

    ``build`` fills the folder it is given and returns the manifest, without the files' sizes. With
    ``replace`` it is built even if it is there.

    Raises:
        DatasetError: The cache can't be written; names the path and what to do.
    """
    try:
        make_private(folder.parent)
        with file_lock(_lock_file(folder)):
            present = read(folder)
            if present is not None and not replace:
                return present
            _reclaim(folder)
            _build(folder, build)
    except OSError as error:
        raise DatasetError(
            f"{error.filename or folder}: can't write the dataset cache: "
            f"{error.strerror or error}; make room or access there, or set MLE_GYM_CACHE to "
            "a folder that can be written"
        ) from error
    manifest = read(folder)
    if manifest is None:
        raise DatasetError(f"{folder}: the dataset was damaged while it was being prepared")
    return manifest


def _build(folder: Path, build: Callable[[Path], Manifest]) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        manifest = build(temporary)
        _open_public(temporary)
        content = json.dumps({**manifest, **_listing(temporary)}, indent=1)
        file = temporary / MANIFEST
        file.write_text(content, encoding="utf-8")
        file.chmod(0o644)
        if folder.exists():  # damaged; a reader may be in it, so it goes in one step too
            folder.rename(temporary / "damaged")
        temporary.rename(folder)
    except DatasetError as error:  # named as they will be called, not by where they are made
        shutil.rmtree(temporary, ignore_errors=True)
        raise type(error)(str(error).replace(f"{temporary}/", "")) from error.__cause__
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    shutil.rmtree(folder / "damaged", ignore_errors=True)


def _check_owners(folder: Path) -> None:
    """Whose the folders are, and the private files; the public ones may be links to data of others.

    Raises:
        CacheError: Somebody else's, or others may write them.
    """
    check_owner(folder)
    check_owner(folder / MANIFEST)
    for top, folders, names in os.walk(folder):
        private = PRIVATE in Path(top).relative_to(folder).parts[:1]
        for name in [*folders, *(names if private else ())]:
            check_owner(Path(top, name))


def _listing(folder: Path) -> dict[str, dict[str, Any]]:
    """Sizes: of each file right in ``public`` or ``private``, and in all of each folder there."""
    files: dict[str, int] = {}
    below: dict[str, list[int]] = {}
    for part in ("public", PRIVATE):
        for top, _, names in os.walk(folder / part):
            place = Path(top).relative_to(folder).parts[:2]
            for name in names:
                size = os.lstat(f"{top}/{name}").st_size
                if len(place) == 1:
                    files[f"{part}/{name}"] = size
                    continue
                total = below.setdefault("/".join(place), [0, 0])
                total[0] += 1
                total[1] += size
    return {"files": files, "below": below}


def _open_public(folder: Path) -> None:
    """Anyone may read what is public (sandboxes run as another user), only we what is private."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        hidden = PRIVATE in name.parts[:1]
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise DatasetError(f"prepare.py made {name}: expected files and folders, no links")
        if path.is_dir():
            path.chmod(0o700 if hidden else 0o755)
        elif hidden or not _shared(path):
            path.chmod(0o600 if hidden else 0o644)


def _shared(path: Path) -> bool:
    """Whether this is a link to the user's own file, whose mode is none of our business."""
    status = path.stat()
    return status.st_nlink > 1 and bool(status.st_mode & 0o004)


def _reclaim(folder: Path) -> None:
    """Delete what killed processes left half-made; the caller holds the lock of ``folder``."""
    for unfinished in folder.parent.glob(".*-*/"):
        owner = folder.with_name(unfinished.name[1:].rpartition("-")[0])
        if owner == folder:
            shutil.rmtree(unfinished, ignore_errors=True)
            continue
        try:
            with file_lock(_lock_file(owner), timeout=0):
                shutil.rmtree(unfinished, ignore_errors=True)
        except TimeoutError:  # its maker is alive
            continue


def _lock_file(folder: Path) -> str:
    return os.fspath(folder.with_name(f"{folder.name}.lock"))

"""Folders that hold what a sandbox shows of an installation's packages, mounted as a whole.

A mount for each distribution would slow down every reset. So their files are put together once, as
hard links (or copies if the file system refuses), in a folder of the cache whose name depends on
its content. It is made under a lock and appears at once. Installing a distribution again changes
the name.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mle_gym.errors import SandboxUnavailable
from mle_gym.file_lock import file_lock
from mle_gym.ownership import checked_cache, own_cache
from mle_gym.sandbox.installation.packages import Distribution, ShownPackages
from mle_gym.sandbox.installation.python_installation import PythonInstallation

__all__ = ["files_of", "package_folders", "place_file"]

_COUNT = "count"
"""The file beside the folders that says how many files they hold."""


def package_folders(python: PythonInstallation, shown: ShownPackages) -> dict[Path, Path]:
    """Package folder of an installation to the folder to mount there instead.

    Raises:
        SandboxUnavailable: The cache can't be written; names the path and what to do.
    """
    sites = python.site_packages
    folder = _whole(sites, shown)
    return {site: folder / str(number) for number, site in enumerate(sites)}


def files_of(distribution: Distribution) -> Iterator[tuple[str, Path]]:
    """The files of a distribution in its package folder: their names there, and where they are.

    Bytecode is included. Programs outside the folder are not, and neither are ``.pth`` files, which
    make Python look for packages elsewhere.
    """
    for name in distribution.files:
        place = PurePosixPath(name)
        path = distribution.site / name
        if ".." in place.parts or place.is_absolute() or place.suffix == ".pth":
            continue
        if path.is_file():
            yield name, path
        if path.suffix == ".py":
            compiled = Path(importlib.util.cache_from_source(str(path)))
            if compiled.is_file():
                yield str(place.parent / "__pycache__" / compiled.name), compiled


@functools.lru_cache(maxsize=16)
def _known(folder: Path, _inode: int) -> bool:
    """Whether nothing is missing. Each process checks that once."""
    with contextlib.suppress(OSError, ValueError):
        there = sum(len(files) for _, _, files in os.walk(folder)) - 1
        return there == int((folder / _COUNT).read_text())
    return False


def _is_whole(folder: Path) -> bool:
    try:
        status = folder.stat()
    except OSError:
        return False
    ours = status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022
    return ours and _known(folder, status.st_ino)


def _whole(sites: tuple[Path, ...], shown: ShownPackages) -> Path:
    key = hashlib.sha256(f"{shown.digest} {[str(site) for site in sites]}".encode())
    folder = checked_cache("packages") / key.hexdigest()[:32]
    if _is_whole(folder):
        return folder
    try:
        own_cache("packages")
        with file_lock(f"{folder}.lock"):
            if not _is_whole(folder):
                _make(folder, sites, shown)
    except OSError as error:
        raise SandboxUnavailable(
            f"{error.filename or folder}: can't write what sandboxes show of Python's packages: "
            f"{error.strerror or error}; make room or access there, or set MLE_GYM_CACHE to "
            "a folder that can be written"
        ) from None
    return folder


def _make(folder: Path, sites: tuple[Path, ...], shown: ShownPackages) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        places = {site.resolve(): temporary / str(number) for number, site in enumerate(sites)}
        for place in places.values():
            place.mkdir()
        count = 0
        for distribution in shown.distributions:
            target = places.get(distribution.site.resolve())
            count += _fill(target, distribution) if target else 0
        (temporary / _COUNT).write_text(str(count))
        temporary.chmod(0o755)
        if folder.exists():  # damaged, and perhaps in use
            folder.rename(temporary / "damaged")
        temporary.rename(folder)
        shutil.rmtree(folder / "damaged", ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fill(place: Path, distribution: Distribution) -> int:
    """Put a distribution's files into a folder; returns how many there are."""
    made: set[Path] = set()
    count = 0
    for name, path in files_of(distribution):
        target = place / name
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        if not target.exists():  # namespaces may share a file; byte code may be listed itself
            place_file(path.resolve(), target)
            count += 1
    return count


def place_file(path: Path, target: Path) -> None:
    """Put a file at another place, as a hard link if possible and otherwise as a copy."""
    try:
        os.link(path, target)
    except OSError:  # another file system, or not ours to link
        shutil.copy2(path, target)

"""The parts of a Python installation that is offered to agents, and what of it must be hidden."""

from __future__ import annotations

import functools
import json
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mle_gym.errors import SandboxUnavailable
from mle_gym.paths import PACKAGE, cache_folder, checkout

__all__ = ["PACKAGES", "PythonInstallation", "describe_python", "is_below"]

_DESCRIBE = """
import json, site, sys
places = [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
prefixes = [sys.prefix, sys.base_prefix, sys.exec_prefix]
print(json.dumps([sys.executable, prefixes, places, sys.version_info[:2]]))
"""


PACKAGES = (
    "lib*/*/site-packages",
    "lib*/*/dist-packages",
    "local/lib*/*/site-packages",
    "local/lib*/*/dist-packages",
    # conda's
    "envs/*",
    "pkgs",
    # of other installations: /usr/share/miniconda, /usr/local/anaconda3
    "*/*/lib/python*/site-packages",
    "*/*/envs/*",
    "*/*/pkgs",
    # R's: its datasets have iris and penguins, MASS has the machines, the glass and more
    "lib*/R",
    "local/lib*/R",
    "share/R",
    # Node's
    "lib*/node_modules",
    "local/lib*/node_modules",
    "share/nodejs",
)
"""Where packages are below a prefix, including those of other languages."""

INSTALLED = ("lib", "lib64", "share", "share/doc", "local/lib", "local/share", "conda-meta")
"""Folders below a prefix in which everything that is installed gets an entry."""


@dataclass(frozen=True)
class PythonInstallation:
    """An interpreter and the folders it needs."""

    executable: Path
    folders: tuple[Path, ...]
    """Prefixes and package folders, only the outermost ones."""
    site_packages: tuple[Path, ...]
    """The package folders from which this interpreter imports. A sandbox shows only what
    :mod:`mle_gym.sandbox.installation.packages` allows of them."""
    foreign: tuple[Path, ...]
    """Package folders of other interpreters within what a sandbox shows, such as those of a virtual
    environment's base. Nobody needs them, and they may hold anything."""
    version: tuple[int, ...] = sys.version_info[:2]
    """Major and minor."""

    def masked(
        self, hidden: tuple[str, ...], packages: Mapping[Path, Path]
    ) -> tuple[tuple[Path, str], ...]:
        """Find what a sandbox would show and must not: always ours, and ``hidden``.

        Args:
            hidden: Absolute paths, or relative to ``site-packages``.
            packages: Package folder to the folder that is shown there instead.

        Returns:
            Each path, and whether it is a ``"file"`` or a ``"folder"``.
        """
        own = PACKAGE, checkout() or PACKAGE, cache_folder().resolve()
        candidates = _candidates(self, own, hidden, tuple(packages.items()))
        found = [(path, kind) for path, shown in candidates if (kind := _kind(shown))]
        return _uncovered(self, tuple(found))

    @property
    def stamp(self) -> tuple[int, ...]:
        """Usually changes when a package manager installs something into the shown folders."""
        return tuple(_time_of(place) for place in _install_places(self.folders))

    def covered(self, path: Path, masks: set[Path]) -> bool:
        """Whether another mask hides ``path``, and none of our folders shows it again."""
        deepest = max((len(f.parts) for f in self.folders if is_below(path, f)), default=0)
        return any(is_below(path, other) and len(other.parts) >= deepest for other in masks)


@functools.lru_cache(maxsize=64)
def _candidates(
    python: PythonInstallation,
    own: tuple[Path, ...],
    hidden: tuple[str, ...],
    packages: tuple[tuple[Path, Path], ...],
) -> tuple[tuple[Path, Path], ...]:
    """What may have to be masked, with the path on the host of what a sandbox shows there."""
    paths = {*own, *python.foreign}
    paths |= {folder / path for folder in python.site_packages for path in hidden}
    return tuple((path, _shown_at(path, dict(packages))) for path in sorted(paths))


def _kind(path: Path) -> str:
    """``file`` or ``folder``; empty if there is nothing."""
    try:
        return "folder" if stat.S_ISDIR(path.stat().st_mode) else "file"
    except (OSError, ValueError):
        return ""


@functools.lru_cache(maxsize=64)
def _uncovered(
    python: PythonInstallation, found: tuple[tuple[Path, str], ...]
) -> tuple[tuple[Path, str], ...]:
    """Leave out what others of them hide already."""
    masks = {path for path, _ in found}
    return tuple((path, kind) for path, kind in found if not python.covered(path, masks))


@functools.lru_cache(maxsize=16)
def _install_places(folders: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(folder / place for folder in (Path("/usr"), *folders) for place in INSTALLED)


def _time_of(folder: Path) -> int:
    """When an entry of a folder was last added or removed; 0 if there is no such folder."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _shown_at(path: Path, packages: Mapping[Path, Path]) -> Path:
    """The path on the host of what a sandbox shows at ``path``."""
    for site, folder in packages.items():
        if is_below(path, site):
            return folder / path.relative_to(site)
    return path


def is_below(path: Path, folder: Path) -> bool:
    """Whether ``folder in path.parents``, without building all of these."""
    depth = len(folder.parts)
    return len(path.parts) > depth and path.parts[:depth] == folder.parts


@functools.cache
def describe_python(python: Path | None) -> PythonInstallation:
    """Ask an interpreter where its files are.

    Args:
        python: The interpreter, or None for the running one.

    Raises:
        SandboxUnavailable: It can't be run.
    """
    executable = python or Path(sys.executable)
    try:
        answer = subprocess.run(
            [executable, "-c", _DESCRIBE], capture_output=True, text=True, check=True, timeout=60
        )
        path, prefixes, places, version = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise SandboxUnavailable(
            f"sandbox_python={str(executable)!r} can't be run: {error}. "
            "Give the path of a Python interpreter or of a virtual environment's bin/python."
        ) from None
    site_packages = tuple(dict.fromkeys(Path(place) for place in places if Path(place).is_dir()))
    folders = sorted({Path(p) for p in prefixes} | set(site_packages))
    outermost = [f for f in folders if not any(o in f.parents for o in folders)]
    foreign = _foreign((Path("/usr"), *outermost), site_packages)
    return PythonInstallation(Path(path), tuple(outermost), site_packages, foreign, tuple(version))


def _foreign(shown: tuple[Path, ...], own: tuple[Path, ...]) -> tuple[Path, ...]:
    """Package folders below ``shown`` that neither are ``own`` nor hold something of it."""
    found = {path for root in shown for pattern in PACKAGES for path in root.glob(pattern)}
    folders = {path.resolve() for path in found if path.is_dir()}
    kept = {part for folder in own for part in (folder.resolve(), *folder.resolve().parents)}
    return tuple(sorted(folders - kept))

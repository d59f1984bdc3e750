"""Where the project's folders are. Only this module distinguishes a checkout from a wheel."""

from __future__ import annotations

import functools
import os
from pathlib import Path, PurePosixPath

import platformdirs

from mle_gym.errors import DatasetError, MleGymError

__all__ = [
    "PACKAGE",
    "below",
    "bundled",
    "cache_folder",
    "checkout",
    "plain_name",
    "refuse_links",
    "user_tasks",
]

MOST_ENTRIES = 5_000_000
"""The most files and folders below a folder that a user passes."""

PACKAGE = Path(__file__).resolve().parent


@functools.cache
def checkout() -> Path | None:
    """The source checkout that this package runs from, or None for an installed wheel."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "envs").is_dir() else None


def bundled(name: str) -> Path:
    """The folder ``envs``, ``agents`` or ``docker`` that came with this package."""
    root = checkout()
    return root / name if root else PACKAGE / "_bundled" / name


def user_tasks() -> Path:
    """Where imported tasks are, a folder per source: ``$MLE_GYM_TASKS``, or the user's data."""
    configured = os.environ.get("MLE_GYM_TASKS")
    return Path(configured) if configured else Path(platformdirs.user_data_dir("mle-gym"), "tasks")


def cache_folder() -> Path:
    """Where datasets are cached: ``$MLE_GYM_CACHE``, or the platform's user cache."""
    configured = os.environ.get("MLE_GYM_CACHE")
    if configured:
        return Path(configured)
    return _user_cache(os.environ.get("XDG_CACHE_HOME"), os.environ.get("HOME"))


@functools.cache
def _user_cache(*_variables: str | None) -> Path:
    """The platform's user cache, as long as these variables stay as they are."""
    return Path(platformdirs.user_cache_dir("mle-gym"))


def plain_name(name: object, wrong: type[MleGymError] = DatasetError) -> str:
    """A file's name that comes from data, such as an id in a table or a foreign configuration.

    Raises:
        MleGymError: The name is a path that leads elsewhere. The type is ``wrong``.
    """
    text = str(name)
    path = PurePosixPath(text.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in text:
        raise wrong(f"expected the name of a file below a folder, found {text[:100]!r}")
    return text


def below(folder: Path, name: object, wrong: type[MleGymError] = DatasetError) -> Path:
    """The path of such a name below a folder, with links resolved. Raises as :func:`plain_name`."""
    path = folder / plain_name(name, wrong)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise wrong(f"{path}: refused: a link that leads out of {folder}")
    return path


def refuse_links(folder: Path) -> None:
    """Refuse a folder of other people's data with links to files outside of it.

    Links to files in the folder are fine. Links to folders, even inside it, may form cycles.

    Raises:
        DatasetError: A link leads out of the folder or to a folder, or there are too many files.
    """
    root, left = folder.resolve(), MOST_ENTRIES
    waiting = [root]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                left -= 1
                if entry.is_symlink():
                    _check_link(Path(entry.path), root)
                elif entry.is_dir():
                    waiting.append(Path(entry.path))
        if left < 0:
            raise DatasetError(f"{folder}: refused: more than {MOST_ENTRIES:,} files")


def _check_link(link: Path, root: Path) -> None:
    target = Path(os.path.realpath(link))
    if not target.is_relative_to(root) or target.is_dir():
        where = "to a folder" if target.is_relative_to(root) else "out of the folder"
        raise DatasetError(
            f"{link}: refused: a link that leads {where}; `cp -rL` makes a copy without links"
        )

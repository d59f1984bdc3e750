"""Where the project's folders are: the one place that knows a checkout from a wheel."""

from __future__ import annotations

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
"""Files and folders below one that a user gives."""

PACKAGE = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """The source checkout that this package runs from, or None for an installed wheel."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "envs").is_dir() else None


def bundled(name: str) -> Path:
    """The folder ``envs``, ``agents`` or ``docker`` that came with this package."""
    root = checkout()
    return root / name if root else PACKAGE / "_bundled" / name


def user_tasks() -> Path:
    """Where imported tasks lie, a folder a source: ``$MLE_GYM_TASKS``, else in the user's data."""
    configured = os.environ.get("MLE_GYM_TASKS")
    return Path(configured) if configured else Path(platformdirs.user_data_dir("mle-gym"), "tasks")


def cache_folder() -> Path:
    """Where datasets are cached: ``$MLE_GYM_CACHE``, else the platform's user cache."""
    configured = os.environ.get("MLE_GYM_CACHE")
    return Path(configured) if configured else Path(platformdirs.user_cache_dir("mle-gym"))


def plain_name(name: object, wrong: type[MleGymError] = DatasetError) -> str:
    """A name of a file that came out of data: an id in a table, a field of a foreign configuration.

    Raises:
        MleGymError: Of the given type: the name is a path that leads elsewhere.
    """
    text = str(name)
    path = PurePosixPath(text.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in text:
        raise wrong(f"expected the name of a file below a folder, found {text[:100]!r}")
    return text


def below(folder: Path, name: object, wrong: type[MleGymError] = DatasetError) -> Path:
    """The place of such a name below a folder, links followed; raises as :func:`plain_name`."""
    path = folder / plain_name(name, wrong)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise wrong(f"{path}: refused: a link that leads out of {folder}")
    return path


def refuse_links(folder: Path) -> None:
    """Refuse a folder of somebody else's data that would bring in what lies elsewhere.

    Links to files in it are fine. Links to folders, even in it, may go round in circles.

    Raises:
        DatasetError: A link that leads out, or to a folder; or far too many files.
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

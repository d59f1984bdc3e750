"""Where the project's folders are: the one place that knows a checkout from a wheel."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

__all__ = ["PACKAGE", "bundled", "cache_folder", "checkout", "user_tasks"]

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

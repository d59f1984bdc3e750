"""Reads files that may come from anybody: none outside the folder, and none that breaks a page."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mle_gym.errors import MleGymError, TrajectoryError
from mle_gym.trajectories.audit import Audit, audit_trajectory
from mle_gym.trajectories.findings import Finding

__all__ = ["audit_of", "findings_of", "inside", "is_inside", "of_anybody"]


def inside(root: Path, path: Path) -> Path:
    """A path, if it leads to something below a folder even after links are followed.

    Raises:
        OSError: It leads elsewhere.
    """
    if not path.resolve().is_relative_to(root):
        raise PermissionError(f"{path}: leads out of {root}")
    return path


def is_inside(root: Path, path: Path) -> bool:
    """Whether a path leads to a file below a folder even after links are followed."""
    return path.is_file() and path.resolve().is_relative_to(root)


@contextlib.contextmanager
def of_anybody(path: Path) -> Iterator[None]:
    """Take a record whose fields have types that no writer writes for one that is damaged.

    Raises:
        TrajectoryError: They have. One such record must not take the others' page.
    """
    try:
        yield
    except MleGymError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        kind = type(error).__name__
        raise TrajectoryError(f"{path}: a field is not what it should be: {kind}") from error


def audit_of(path: Path) -> Audit | None:
    """What the rules find in a record; None if they can't be applied to it."""
    try:
        return audit_trajectory(path)
    except (OSError, MleGymError):
        return None


def findings_of(path: Path) -> tuple[Finding, ...]:
    """What the rules find in a record; nothing if they can't be applied to it."""
    found = audit_of(path)
    return found.findings if found else ()

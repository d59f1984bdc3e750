"""Files as an agent changed them, step by step, as far as its actions show that."""

from __future__ import annotations

import difflib
import posixpath
from collections import defaultdict
from typing import Any

from mle_gym.episode.actions.action import Action, ApplyPatch, EditFile
from mle_gym.errors import TrajectoryError
from mle_gym.report.shortening import shorten
from mle_gym.trajectories.audit.written_code import scripts
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["file_changes"]

MOST_LINES = 2_000
"""Of a version that is compared with the one before; the time grows with their product."""
MOST_COMPARISONS = 200
"""Of versions in one episode; later ones are shown whole."""


def file_changes(
    trajectory: Trajectory, actions: list[Action | None]
) -> dict[int, list[dict[str, Any]]]:
    """What each step wrote, by the number of the step, counted from 1.

    Each change has ``path``, ``new`` (whether the file was not written before), ``added`` and
    ``removed`` (lines), and ``diff`` in the unified form. What programs wrote is not known.
    """
    changes: dict[int, list[dict[str, Any]]] = defaultdict(list)
    versions: dict[str, str] = {}
    compared = 0
    try:
        for script in scripts(trajectory):
            action = actions[script.step - 1]
            if script.path and not isinstance(action, ApplyPatch):
                before = versions.get(script.path)
                if isinstance(action, EditFile) and before is None:
                    before = action.old  # the rest of the file isn't known
                compared += before is not None
                known = before if compared <= MOST_COMPARISONS else None
                changes[script.step].append(_change(script.path, known, script.text))
                versions[script.path] = script.text
    except TrajectoryError:  # more text than can be searched: the actions themselves are shown
        pass
    for number, action in enumerate(actions, start=1):
        if isinstance(action, ApplyPatch):
            changes[number].append(_patch(action.patch))
    return dict(changes)


def _change(path: str, before: str | None, after: str) -> dict[str, Any]:
    old, new = (before or "").splitlines(), after.splitlines()
    lines = list(_compared(old, new))
    body = [line for line in lines if not line.startswith("@@")]
    return {
        "path": shorten(posixpath.normpath(path), 300),
        "new": before is None,
        "added": sum(line.startswith("+") for line in body),
        "removed": sum(line.startswith("-") for line in body),
        "diff": shorten("\n".join(lines)),
    }


def _compared(old: list[str], new: list[str]) -> list[str]:
    if max(len(old), len(new)) > MOST_LINES:
        return [f"+{line}" for line in new]
    found = list(difflib.unified_diff(old, new, lineterm="", n=3))
    return found[2:]  # the two lines that name the files


def _patch(text: str) -> dict[str, Any]:
    body = text.splitlines()
    return {
        "path": "patch",
        "new": False,
        "added": sum(line.startswith("+") for line in body),
        "removed": sum(line.startswith("-") for line in body),
        "diff": shorten(text),
    }

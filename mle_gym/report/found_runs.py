"""The runs below a folder, and what was last computed of each."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

from mle_gym.errors import MleGymError
from mle_gym.report.sources import Source, is_source, open_source

__all__ = ["REST", "FoundRuns"]

DEEPEST = 4
MOST_RUNS = 1_000
MOST_PREPARED = 5
REST = 4.0


class FoundRuns:
    """Finds runs, and computes their overviews no more often than needed. Safe for threads.

    Args:
        root: The folder. Links in it are not followed.
        rest: A run is computed again at the earliest after so many times the time that it took
            before.
    """

    def __init__(self, root: Path, rest: float = REST) -> None:
        self.root = root.resolve()
        self._rest = rest
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], _Kept] = {}

    def listing(self) -> list[dict[str, Any]]:
        """Each run with its path below the root, those first that changed last."""
        runs = [self._entry(path) for path in self._folders()]
        return sorted(runs, key=lambda each: -each["changed"])

    def overview(self, name: str, beside: str = "") -> dict[str, Any]:
        """The overview of a run (:mod:`mle_gym.report.overview`).

        Args:
            name: Its path, as in the listing.
            beside: The path of another evaluation, if the two are to be seen side by side.

        Raises:
            KeyError: There is no such run.
            MleGymError: A file of the run is damaged, or the two have nothing in common.
            OSError: A file can't be read.
        """
        return self._of(name, beside).overview()

    def prepare(self) -> None:
        """Compute the overviews of the runs that changed last, before anybody asks for them."""
        for run in self.listing()[:MOST_PREPARED]:
            with contextlib.suppress(KeyError, MleGymError, OSError):  # said when it is opened
                self.overview(run["path"])

    def story(self, name: str, episode: str, beside: str = "") -> dict[str, Any]:
        """An episode of a run. Raises what :meth:`overview` raises; KeyError also for episodes."""
        return self._of(name, beside).source.story(episode)

    def _of(self, name: str, beside: str) -> _Kept:
        """A run by its path. Only paths that the walk below the root found are ever opened."""
        with self._lock:
            if (name, beside) not in self._kept:
                found = {self._name(path): path for path in self._folders()}
                other = found[beside] if beside else None
                self._kept[name, beside] = _Kept(open_source(found[name], other), self._rest)
            return self._kept[name, beside]

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _entry(self, path: Path) -> dict[str, Any]:
        evaluation, search = (path / "plan.json").is_file(), (path / "tree.json").is_file()
        kind = "evaluation" if evaluation else "search" if search else "recorded episodes"
        parts = [path, *path.glob("*.jsonl"), *path.glob("episodes/*/*")]
        changed = max(each.lstat().st_mtime for each in parts)
        name = self.root.name if path == self.root else self._name(path)
        return {"path": self._name(path), "name": name, "kind": kind, "changed": changed}

    def _folders(self) -> Iterator[Path]:
        found = 0
        for place, folders, _ in os.walk(self.root):
            path = Path(place)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if len(path.relative_to(self.root).parts) >= DEEPEST:
                folders.clear()
            if is_source(path):
                folders[:] = [name for name in folders if name not in ("episodes", "attempts")]
                yield path
                found += 1
            if found >= MOST_RUNS:
                return


class _Kept:
    """A run with its last overview."""

    def __init__(self, source: Source, rest: float) -> None:
        self.source, self._rest = source, rest
        self._lock = threading.Lock()
        self._overview: dict[str, Any] | None = None
        self._state: Hashable = None
        self._not_before = 0.0

    def overview(self) -> dict[str, Any]:
        """What there is now, or was a moment ago if computing it takes long."""
        with self._lock:
            now = time.monotonic()
            if self._overview is not None and now < self._not_before:
                return self._overview
            state = self.source.state()
            if self._overview is None or state != self._state:
                self._overview, self._state = self.source.overview(), state
                self._not_before = time.monotonic() + self._rest * (time.monotonic() - now)
            return self._overview

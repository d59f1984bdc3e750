"""The folder of a search: the tree, the record of each attempt, the states to continue from.

| file | contents |
|---|---|
| ``tree.json`` | the search's settings, what it spent, every attempt, and the result |
| ``tree.svg`` | the tree as a picture |
| ``attempts/N.jsonl`` | the trajectory of attempt N, with the tokens and the cost of its turn |
| ``snapshots/N.json`` | the state that attempt N left (files are in the cache); gone at the end |
| ``episode.jsonl`` | the episode that the best attempt hands in, from its draft on |
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mle_gym.episode.snapshot import Snapshot
from mle_gym.errors import AgentError
from mle_gym.search.tree import write_whole

__all__ = ["RunFolder"]


class RunFolder:
    """Where a search keeps what it needs to go on after it was stopped.

    Args:
        path: The folder, which need not exist.
        settings: What the search is of. A folder of another search is refused.

    Raises:
        AgentError: There is another search in the folder, or one that is finished.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self._settings = settings
        self.found: dict[str, Any] = {}
        """What ``tree.json`` contains; empty if the search is new."""
        if self.tree.exists():
            self.found = json.loads(self.tree.read_text(encoding="utf-8"))
            self._check()
        for folder in (path / "attempts", path / "snapshots"):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def tree(self) -> Path:
        """The tree as JSON."""
        return self.path / "tree.json"

    @property
    def picture(self) -> Path:
        """The tree as a picture."""
        return self.path / "tree.svg"

    @property
    def episode(self) -> Path:
        """The record of what was handed in."""
        return self.path / "episode.jsonl"

    def attempt(self, number: int) -> Path:
        """The record of an attempt."""
        return self.path / "attempts" / f"{number}.jsonl"

    def save(self, content: dict[str, Any]) -> None:
        """Write the tree."""
        write_whole(self.tree, {"settings": self._settings, **content})

    def keep(self, number: int, snapshot: Snapshot) -> None:
        """Keep a state for later runs."""
        snapshot.save(self._snapshot(number))

    def snapshot(self, number: int) -> Snapshot | None:
        """The state that an attempt left, or None.

        Raises:
            SnapshotError: The file has something else.
        """
        path = self._snapshot(number)
        return Snapshot.load(path) if path.exists() else None

    def discard_snapshots(self) -> None:
        """Free the disk space of all states."""
        for path in (self.path / "snapshots").glob("*.json"):
            Snapshot.load(path).delete()
            path.unlink()

    def _snapshot(self, number: int) -> Path:
        return self.path / "snapshots" / f"{number}.json"

    def _check(self) -> None:
        if self.found["result"] is not None:
            raise AgentError(f"{self.path} has a search that is finished; name another folder")
        theirs = self.found["settings"]
        for name, value in json.loads(json.dumps(self._settings)).items():
            if theirs.get(name) != value:
                raise AgentError(
                    f"{self.path} has a search with {name}={theirs.get(name)!r}, not {value!r}; "
                    "name another folder"
                )

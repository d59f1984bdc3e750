"""Records that no plan holds together, and the run of a search, as a page shows them."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mle_gym.errors import MleGymError
from mle_gym.evaluation.result import Result
from mle_gym.regular_files import read_whole
from mle_gym.report.checked_files import audit_of, findings_of, is_inside, of_anybody
from mle_gym.report.overview import overview_of_results
from mle_gym.report.shortening import plain
from mle_gym.report.story import story_of
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["RecordsSource", "result_of_record"]

MOST_TREE_BYTES = 64 * 2**20
OF_A_TREE = ("higher_is_better", "best", "nodes", "running", "spent", "seconds", "result")
MOST_RECORDS = 2_000
"""Records without an evaluation that are listed; each is read for that."""


class RecordsSource:
    """Records of episodes in one folder, or the attempts of a search and what it handed in."""

    def __init__(self, folder: Path) -> None:
        self.root = folder.resolve()
        """The folder. Nothing outside it is read."""
        self._known = _Memory()

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.root.name

    def state(self) -> Hashable:
        """Changes with each record, and with a search's tree, written when an attempt ends."""
        files = [*self.paths(), self.root / "tree.json"]
        found = [each.stat() for each in files if each.is_file()]
        return tuple((each.st_mtime_ns, each.st_size) for each in found)

    def overview(self) -> dict[str, Any]:
        """See :class:`~mle_gym.report.sources.Source`."""
        results = []
        for path in self.paths():
            try:
                results.append((path.relative_to(self.root).as_posix(), self._known.result(path)))
            except (MleGymError, OSError, ValueError):
                continue  # such as other programs' JSON lines, or a record that has just begun
        return overview_of_results(self.name, results, _tree(self.root))

    def story(self, episode: str) -> dict[str, Any]:
        """See :class:`~mle_gym.report.sources.Source`."""
        path = {each.relative_to(self.root).as_posix(): each for each in self.paths()}[episode]
        with of_anybody(path):
            return story_of(Trajectory.read(path), findings_of(path))

    def paths(self) -> list[Path]:
        """The records that are shown."""
        return [*self.below("*.jsonl"), *self.below("attempts/*.jsonl")][:MOST_RECORDS]

    def below(self, pattern: str) -> list[Path]:
        """The files of a pattern, sorted, without hidden ones and links that lead elsewhere."""
        found = (path for path in self.root.glob(pattern) if is_inside(self.root, path))
        shown = (path for path in found if not _is_hidden(path.relative_to(self.root)))
        return sorted(shown)[:MOST_RECORDS]


@dataclass
class _Memory:
    """Results of records that have not changed since they were read."""

    _results: dict[Path, tuple[tuple[int, int], Result]] = field(default_factory=dict)

    def result(self, path: Path) -> Result:
        """What the episode in a record came to."""
        status = path.stat()
        state = status.st_mtime_ns, status.st_size
        found = self._results.get(path)
        if found is None or found[0] != state:
            with of_anybody(path):
                found = self._results[path] = state, result_of_record(path)
        return found[1]


def result_of_record(path: Path) -> Result:
    """What the episode in a record came to, whoever wrote it.

    Raises:
        MleGymError: It is damaged.
        ValueError: A field has a type that no writer writes; see
            :func:`~mle_gym.report.checked_files.of_anybody`.
        OSError: It can't be read.
    """
    trajectory = Trajectory.read(path)
    header = trajectory.header
    number = {name: header.get(name) for name in ("variant", "seed")}
    result = Result(
        agent=str(header.get("agent") or "unnamed")[:80],
        task=_task_of(header),
        variant=each if isinstance(each := number["variant"], int) else 0,
        seed=each if isinstance(each := number["seed"], int) else 0,
        status="failed" if trajectory.failure else "graded",
        trajectory=path.name,
    ).recorded(trajectory, audit_of(path))
    if trajectory.failure:
        kind, message = (str(trajectory.failure.get(name, "")) for name in ("kind", "message"))
        return result.model_copy(update={"reason": kind, "message": message})
    if trajectory.grade:
        return result.graded(trajectory.grade)
    return result.model_copy(update={"reason": "left" if result.left else "no end"})


def _task_of(header: dict[str, Any]) -> str:
    made = header.get("env")
    found = made.get("id") if isinstance(made, dict) else None
    return str(found or header.get("task") or "unnamed")[:200]


def _tree(root: Path) -> dict[str, Any] | None:
    """The attempts of a search, without what the page doesn't show; None if it is none's."""
    path = root / "tree.json"
    if not is_inside(root, path):
        return None
    try:
        found = json.loads(read_whole(path, MOST_TREE_BYTES))
        return {name: plain(found.get(name)) for name in OF_A_TREE}
    except (OSError, ValueError, AttributeError):
        return None


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)

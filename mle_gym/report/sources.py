"""Folders that a page can show: an evaluation, the run of a search, or records of episodes.

Nothing outside the folder is read, whatever its files name: a plan may come from anybody, and so
may a link. Paths are checked when they are used, so nobody else should write there meanwhile.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mle_gym.errors import MleGymError, PlanError, TrajectoryError
from mle_gym.evaluation.evaluation_folder import EvaluationFolder, read_run
from mle_gym.evaluation.plan import Episode
from mle_gym.evaluation.result import Result
from mle_gym.regular_files import open_regular, read_whole
from mle_gym.report.overview import overview_of_results, overview_of_run
from mle_gym.report.shortening import plain
from mle_gym.report.story import story_of
from mle_gym.trajectories.audit import Audit, audit_trajectory
from mle_gym.trajectories.findings import Finding
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["EvaluationSource", "RecordsSource", "Source", "is_source", "open_source"]

MOST_TREE_BYTES = 64 * 2**20
MOST_LOG_BYTES = 64 * 2**10
OF_A_TREE = ("higher_is_better", "best", "nodes", "running", "spent", "seconds", "result")
MOST_RECORDS = 2_000
"""Records without an evaluation that are listed; each is read for that."""


class Source(Protocol):
    """What a page is made of."""

    @property
    def name(self) -> str:
        """For titles."""
        ...

    def state(self) -> Hashable:
        """Something that changes when there is more to show, and is cheap to ask for.

        Raises:
            OSError: The folder can't be read.
        """
        ...

    def overview(self) -> dict[str, Any]:
        """The figures, and a row for each episode (:mod:`mle_gym.report.overview`).

        Raises:
            MleGymError: A file of the folder is damaged.
            OSError: A file can't be read.
        """
        ...

    def story(self, episode: str) -> dict[str, Any]:
        """One episode by the id in its row (:mod:`mle_gym.report.story`).

        Raises:
            KeyError: There is no such episode.
            MleGymError: Its record is damaged.
            OSError: It has no record, or one that can't be read.
        """
        ...


def is_source(folder: Path) -> bool:
    """Whether there is something to show in a folder itself."""
    if any((folder / name).is_file() for name in ("plan.json", "tree.json")):
        return True
    return any(path.is_file() for path in folder.glob("*.jsonl"))


def open_source(folder: Path) -> Source:
    """What a folder has to show.

    Raises:
        PlanError: It has nothing.
    """
    if (folder / "plan.json").is_file():
        return EvaluationSource(folder)
    if is_source(folder):
        return RecordsSource(folder)
    raise PlanError(
        f"{folder}: expected the folder of an evaluation (`mle-gym eval --out`), of a search, or "
        "one with trajectories (*.jsonl); found none of them"
    )


class EvaluationSource:
    """An evaluation, finished or not."""

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()
        self._files = EvaluationFolder(self._root)
        self._episodes: dict[str, Episode] = {}

    @property
    def name(self) -> str:
        """The folder's name."""
        return self._root.name

    def state(self) -> Hashable:
        """See :class:`Source`. Each new file changes the time of its folder."""
        folders = [self._root, *self._root.glob("episodes/*/*")]
        plan = self._files.plan_path.stat()
        return plan.st_mtime_ns, tuple(each.stat().st_mtime_ns for each in folders)

    def overview(self) -> dict[str, Any]:
        """See :class:`Source`."""
        inside(self._root, self._files.plan_path)
        plan = self._files.read_plan()
        self._episodes = {each.id: each for each in plan.episodes}
        for folder in {self._files.result_path(each).parent for each in self._episodes.values()}:
            inside(self._root, folder)
        run = read_run(self._root)
        running = [each for each in run.missing if self._files.trajectory_path(each).is_file()]
        return overview_of_run(run, running)

    def story(self, episode: str) -> dict[str, Any]:
        """See :class:`Source`."""
        if not self._episodes:
            self._episodes = {each.id: each for each in self._files.read_plan().episodes}
        asked = self._episodes[episode]
        path = inside(self._root, self._files.trajectory_path(asked))
        result = self._files.read_result(asked)
        graver = result is not None and result.integrity in ("suspicious", "violation")
        log = _tail(self._root, self._files.log_path(asked))
        findings = _findings(path) if graver else ()
        with _of_anybody(path):
            return story_of(Trajectory.read(path), findings, log)


class RecordsSource:
    """Records of episodes in one folder, or the attempts of a search and what it handed in."""

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()
        self._known = _Memory()

    @property
    def name(self) -> str:
        """The folder's name."""
        return self._root.name

    def state(self) -> Hashable:
        """See :class:`Source`. A search writes its tree when an attempt ends."""
        files = [*self._paths(), self._root / "tree.json"]
        found = [each.stat() for each in files if each.is_file()]
        return tuple((each.st_mtime_ns, each.st_size) for each in found)

    def overview(self) -> dict[str, Any]:
        """See :class:`Source`."""
        results = []
        for path in self._paths():
            try:
                results.append((path.relative_to(self._root).as_posix(), self._known.result(path)))
            except (MleGymError, OSError, ValueError):
                continue  # such as other programs' JSON lines, or a record that has just begun
        return overview_of_results(self.name, results, _tree(self._root))

    def story(self, episode: str) -> dict[str, Any]:
        """See :class:`Source`."""
        path = {each.relative_to(self._root).as_posix(): each for each in self._paths()}[episode]
        with _of_anybody(path):
            return story_of(Trajectory.read(path), _findings(path))

    def _paths(self) -> list[Path]:
        found = [*self._root.glob("*.jsonl"), *self._root.glob("attempts/*.jsonl")]
        return sorted(path for path in found if _is_inside(self._root, path))[:MOST_RECORDS]


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
            with _of_anybody(path):
                found = self._results[path] = state, _result_of(path)
        return found[1]


@contextlib.contextmanager
def _of_anybody(path: Path) -> Iterator[None]:
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


def _result_of(path: Path) -> Result:
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
    ).recorded(trajectory, _audit(path))
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


def _tree(root: Path) -> Any:
    """The attempts of a search, without what the page doesn't show; None if it is none's."""
    path = root / "tree.json"
    if not _is_inside(root, path):
        return None
    try:
        found = json.loads(read_whole(path, MOST_TREE_BYTES))
        return {name: plain(found.get(name)) for name in OF_A_TREE}
    except (OSError, ValueError, AttributeError):
        return None


def _audit(path: Path) -> Audit | None:
    """What the rules find in a record; None if they can't be applied to it."""
    try:
        return audit_trajectory(path)
    except (OSError, MleGymError):
        return None


def _findings(path: Path) -> tuple[Finding, ...]:
    found = _audit(path)
    return found.findings if found else ()


def _tail(root: Path, path: Path) -> str:
    """The end of what an agent printed; nothing if it printed nothing."""
    try:
        with open_regular(inside(root, path)) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - MOST_LOG_BYTES))
            return file.read(MOST_LOG_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""


def inside(root: Path, path: Path) -> Path:
    """A path, if it leads to something below a folder even after links are followed.

    Raises:
        OSError: It leads elsewhere.
    """
    if not path.resolve().is_relative_to(root):
        raise PermissionError(f"{path}: leads out of {root}")
    return path


def _is_inside(root: Path, path: Path) -> bool:
    return path.is_file() and path.resolve().is_relative_to(root)

"""An evaluation, or two of them side by side, as a page shows them."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

from mle_gym.evaluation.evaluation_folder import EvaluationFolder, Run, read_run
from mle_gym.evaluation.joined_runs import join_runs
from mle_gym.evaluation.plan import Episode
from mle_gym.regular_files import open_regular
from mle_gym.report.checked_files import findings_of, inside, of_anybody
from mle_gym.report.overview import overview_of_run
from mle_gym.report.story import story_of
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["EvaluationSource", "TwoEvaluations"]

MOST_LOG_BYTES = 64 * 2**10


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
        """Changes with each new file, which changes the time of its folder."""
        folders = [self._root, *self._root.glob("episodes/*/*")]
        plan = self._files.plan_path.stat()
        return plan.st_mtime_ns, tuple(each.stat().st_mtime_ns for each in folders)

    def overview(self) -> dict[str, Any]:
        """See :class:`~mle_gym.report.sources.Source`."""
        run = self.run()
        return overview_of_run(run, [each for each in run.missing if self.has_record(each)])

    def run(self) -> Run:
        """What is in the folder. Raises what :meth:`overview` raises."""
        inside(self._root, self._files.plan_path)
        plan = self._files.read_plan()
        self._episodes = {each.id: each for each in plan.episodes}
        for folder in {self._files.result_path(each).parent for each in self._episodes.values()}:
            inside(self._root, folder)
        return read_run(self._root)

    def has_record(self, episode: Episode) -> bool:
        """Whether an episode has begun."""
        return self._files.trajectory_path(episode).is_file()

    def story(self, episode: str) -> dict[str, Any]:
        """See :class:`~mle_gym.report.sources.Source`."""
        if not self._episodes:
            self._episodes = {each.id: each for each in self._files.read_plan().episodes}
        asked = self._episodes[episode]
        path = inside(self._root, self._files.trajectory_path(asked))
        result = self._files.read_result(asked)
        graver = result is not None and result.integrity in ("suspicious", "violation")
        log = _tail(self._root, self._files.log_path(asked))
        findings = findings_of(path) if graver else ()
        with of_anybody(path):
            return story_of(Trajectory.read(path), findings, log)


class TwoEvaluations:
    """Two evaluations side by side, on the episodes that both have planned."""

    def __init__(self, first: EvaluationSource, second: EvaluationSource) -> None:
        self._sources = (first, second)
        self._origins: dict[str, tuple[int, Episode]] = {}

    @property
    def name(self) -> str:
        """The folders' names."""
        return " and ".join(each.name for each in self._sources)

    def state(self) -> Hashable:
        """See :class:`~mle_gym.report.sources.Source`."""
        return tuple(each.state() for each in self._sources)

    def overview(self) -> dict[str, Any]:
        """See :class:`~mle_gym.report.sources.Source`."""
        first, second = (each.run() for each in self._sources)
        joined = join_runs(first, second)
        self._origins = joined.origins
        begun = [each for each in joined.run.missing if self._has_record(each.id)]
        return overview_of_run(joined.run, begun)

    def story(self, episode: str) -> dict[str, Any]:
        """See :class:`~mle_gym.report.sources.Source`."""
        if not self._origins:
            self.overview()
        at, own = self._origins[episode]
        return self._sources[at].story(own.id)

    def _has_record(self, episode: str) -> bool:
        at, own = self._origins[episode]
        return self._sources[at].has_record(own)


def _tail(root: Path, path: Path) -> str:
    """The end of what an agent printed; nothing if it printed nothing."""
    try:
        with open_regular(inside(root, path)) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - MOST_LOG_BYTES))
            return file.read(MOST_LOG_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""

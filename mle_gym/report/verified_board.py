"""A leaderboard made of records that anybody may add: only what verifies here counts.

Each record is verified (:mod:`mle_gym.trajectories.verify`) and audited. It counts if its score was
reproduced, its episode was played on the task's own terms, and no rule was broken. Everything else
is listed with the reason. Nobody can see how many episodes its author left out, so the number of
records stands beside every mean.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from mle_gym.datasets.dataset import CANONICAL
from mle_gym.errors import MleGymError
from mle_gym.evaluation.result import Result
from mle_gym.report.checked_files import of_anybody
from mle_gym.report.overview import overview_of_results
from mle_gym.report.records_source import RecordsSource, result_of_record
from mle_gym.tasks.catalog import load_task
from mle_gym.trajectories.replay_risks import risks
from mle_gym.trajectories.trajectory import Trajectory
from mle_gym.trajectories.verify.run_verification import verify_trajectory

__all__ = ["BoardRow", "Judged", "VerifiedBoard", "board_rows"]


USUAL: dict[str, tuple[Any, ...]] = {
    "size": (CANONICAL.size,),
    "difficulty": (CANONICAL.difficulty,),
    "feedback": ("none", "validate"),
}
"""Settings that decide how hard a task is, and the values with which a record counts."""


@dataclass(frozen=True)
class Judged:
    """One record, and whether it counts."""

    path: str
    """Relative to the board's folder."""
    result: Result | None
    reason: str
    """Why it doesn't count; empty if it does."""
    head: str = ""
    """Its last hash, by which a copy is known."""


@dataclass(frozen=True)
class BoardRow:
    """An agent on a task."""

    task: str
    agent: str
    records: int
    """How many count."""
    valid: int
    """How many of them have a valid submission."""
    anchored: float | None
    """The mean; without a valid submission it is 0. None where the task has no ceiling."""
    normalized: float
    """The mean, likewise."""
    metric: str
    best: float | None
    """The best score, in the metric's own direction."""
    medals: dict[str, int]
    suspicious: int
    """In how many of them the audit found something suspicious, though no violation."""


class VerifiedBoard(RecordsSource):
    """A folder of records as a leaderboard, for a page (:class:`~mle_gym.report.sources.Source`).

    Args:
        folder: With records (``*.jsonl``), in folders of any depth, such as one for each author.
        key: The key that signed them, if they are signed.
        on_progress: Called with the number of records that were judged, and of all.
    """

    def __init__(
        self,
        folder: Path,
        key: bytes | None = None,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        super().__init__(folder)
        self._key, self._on_progress = key, on_progress
        self._judged: tuple[Judged, ...] | None = None

    def state(self) -> Hashable:
        """See :class:`~mle_gym.report.sources.Source`."""
        return tuple(self.paths())

    @property
    def judged(self) -> tuple[Judged, ...]:
        """Every record; they are verified when this is first asked for."""
        if self._judged is None:
            self._judged = tuple(self._judge_all())
        return self._judged

    @property
    def rows(self) -> tuple[BoardRow, ...]:
        """The table: by task, the best agent first."""
        return board_rows([each.result for each in self.judged if _counts(each) and each.result])

    def overview(self) -> dict[str, Any]:
        """See :class:`~mle_gym.report.sources.Source`. The episodes are those that count."""
        counted = [(each.path, each.result) for each in self.judged if _counts(each)]
        known = [(path, result) for path, result in counted if result]
        refused = [{"path": e.path, "reason": e.reason} for e in self.judged if e.reason]
        board = {"rows": [asdict(row) for row in self.rows], "refused": refused}
        return overview_of_results(self.name, known, None) | {"kind": "leaderboard", "board": board}

    def paths(self) -> list[Path]:
        """The records, without what lies in hidden folders or is reached by links that lead out."""
        return self.below("**/*.jsonl")

    def _judge_all(self) -> Iterator[Judged]:
        seen: dict[str, str] = {}
        paths = self.paths()
        for done, path in enumerate(paths):
            self._on_progress(done, len(paths))
            found = self._judge(path)
            if _counts(found) and found.head in seen:
                found = Judged(found.path, None, f"a copy of {seen[found.head]}")
            elif _counts(found):
                seen[found.head] = found.path
            yield found
        self._on_progress(len(paths), len(paths))

    def _judge(self, path: Path) -> Judged:
        name = path.relative_to(self.root).as_posix()
        try:
            verified = verify_trajectory(path, key=self._key)
            if verified.verdict != "confirmed":
                worst = "failed" if verified.verdict == "refuted" else "undecided"
                why = [f"{e.check}: {e.detail}" for e in verified.findings if e.severity == worst]
                return Judged(name, None, f"{verified.verdict}: {why[0] if why else 'no score'}")
            with of_anybody(path):
                terms = other_terms(Trajectory.read(path).header)
                result = result_of_record(path)
        except (MleGymError, OSError, ValueError) as error:
            return Judged(name, None, str(error).removeprefix(f"{path}:").strip())
        if result.status == "failed":
            terms = f"it failed: {result.reason}"
        elif result.integrity == "violation":
            terms = f"violation: {', '.join(result.findings)}"
        return Judged(name, result, terms, verified.head)


def other_terms(header: dict[str, Any]) -> str:
    """What was easier in an episode than the task is; empty if nothing was."""
    if header.get("env") is None:
        return "its environment is not recorded"
    if found := risks(header["env"]):
        return f"not on the task's own terms: {'; '.join(found)}"
    if found := list(_other_settings(header)):
        return f"not on the task's own terms: {'; '.join(found)}"
    variant = header.get("variant")
    if isinstance(variant, int) and variant > 0:
        return f"variant {variant} is for training: 0 and the negative ones count"
    return ""


def _other_settings(header: dict[str, Any]) -> Iterator[str]:
    """What is harmless to play again, but makes results incomparable."""
    settings = header.get("settings") or {}
    for name, usual in USUAL.items():
        if (value := settings.get(name)) not in usual:
            yield f"its {name} is {value!r}"
    most = load_task(header["task"]).limits.steps
    if (steps := settings.get("max_steps", 0)) > most:
        yield f"its max_steps is {steps}, the task's is {most}"


def board_rows(results: list[Result]) -> tuple[BoardRow, ...]:
    """The table of some results, by task, the best agent first."""
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for each in results:
        groups[each.task, each.agent].append(each)
    rows = [_row(task, agent, own) for (task, agent), own in groups.items()]
    return tuple(sorted(rows, key=lambda row: (row.task, *_worse_last(row), row.agent)))


def _worse_last(row: BoardRow) -> tuple[float, float]:
    return -(row.normalized if row.anchored is None else row.anchored), -row.records


def _row(task: str, agent: str, results: list[Result]) -> BoardRow:
    valid = [each for each in results if each.valid]
    anchored = [each.anchored if each.valid else 0.0 for each in results]
    known = [each for each in anchored if each is not None]
    scores = [each.score for each in valid if each.score is not None]
    higher = valid[0].higher_is_better if valid else True
    return BoardRow(
        task=task,
        agent=agent,
        records=len(results),
        valid=len(valid),
        anchored=fmean(known) if len(known) == len(anchored) else None,
        normalized=fmean((each.normalized or 0.0) if each.valid else 0.0 for each in results),
        metric=valid[0].metric if valid else "",
        best=(max if higher else min)(scores) if scores else None,
        medals=dict(Counter(each.medal for each in valid if each.medal)),
        suspicious=sum(each.integrity == "suspicious" for each in results),
    )


def _counts(judged: Judged) -> bool:
    return not judged.reason

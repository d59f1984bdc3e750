"""Folders that a page can show: one or two evaluations, the run of a search, or records.

Nothing outside the folder is read, whatever its files name: a plan may come from anybody, and so
may a link. Paths are checked when they are used, so nobody else should write there meanwhile.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, Protocol

from mle_gym.errors import PlanError
from mle_gym.report.evaluation_source import EvaluationSource, TwoEvaluations
from mle_gym.report.records_source import RecordsSource

__all__ = ["Source", "is_source", "open_source"]


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


def open_source(folder: Path, beside: Path | None = None) -> Source:
    """What a folder has to show.

    Args:
        folder: Where it is.
        beside: Another evaluation, to be shown side by side with that in ``folder``.

    Raises:
        PlanError: It has nothing, or one of the two is no evaluation.
    """
    if beside is not None:
        for each in (folder, beside):
            if not (each / "plan.json").is_file():
                raise PlanError(f"{each}: only evaluations (`mle-gym eval --out`) can be compared")
        return TwoEvaluations(EvaluationSource(folder), EvaluationSource(beside))
    if (folder / "plan.json").is_file():
        return EvaluationSource(folder)
    if is_source(folder):
        return RecordsSource(folder)
    raise PlanError(
        f"{folder}: expected the folder of an evaluation (`mle-gym eval --out`), of a search, or "
        "one with trajectories (*.jsonl); found none of them"
    )

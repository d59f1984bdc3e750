"""Measures a dataset's floor, and says what its ceiling is.

Measuring the floor means grading a few more submissions, so a grader does it when it first grades
anything. A ceiling may need a program's score, so
:func:`mle_gym.episode.reference_programs.measure_ceiling` runs that program where a reward depends
on it, and passes the score to :func:`settle`.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from mle_gym.datasets.anchors import Anchors, read_anchors, read_known, record_anchors
from mle_gym.errors import SubmissionError
from mle_gym.grading.leaderboard import better

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["SAMPLE", "Anchors", "find_anchors", "made_by", "needs_solution", "settle"]

SAMPLE = "sample_submission.csv"
FLOORS = "sample, constants and guesses"
"""Part of :func:`made_by`. Change it when floors are found in another way."""


def find_anchors(
    dataset: Dataset,
    grader: str,
    score: Callable[[bytes], float],
    gold: float | None,
    luck: Callable[[], float | None] | None = None,
    *,
    sample: Callable[[], bytes],
) -> Anchors:
    """The dataset's anchors under one kind of grading; the floor is measured if it has to be.

    Args:
        dataset: What is graded against. Answers that were handed in have no sample, so no anchors.
        grader: ``"strict"`` or ``"parity"``.
        score: Scores the sample as it would any submission.
        gold: The task's gold threshold; a ceiling where the medals are a competition's.
        luck: What guesses reach (:func:`mle_gym.grading.guesses.best_guess`): the floor where that
            is better than the sample. None where only whole files can be scored.
        sample: Reads the sample submission.
    """
    if not dataset.digest:
        return Anchors()
    folder, maker = dataset.public.parent, made_by(dataset.task)
    found = read_anchors(folder, grader, maker)
    if found.floor is not None:
        return found
    known = read_known(folder) if grader == "strict" else Anchors()
    try:
        floor = score(sample())
    except (OSError, SubmissionError):  # `mle-gym validate-task` says what is wrong with it
        if known.floor is None:
            return Anchors()
        floor = known.floor  # programs have no sample that could be graded
    if not math.isfinite(floor):  # which MLE-bench's graders accept
        return Anchors()
    declared = known.floor if known.floor is not None or luck is None else luck()
    if declared is not None and better(declared, floor, dataset.task.grade.higher_is_better):
        floor = declared
    found = Anchors(floor, _ceiling(dataset.task, floor, known.ceiling, gold), known.reference)
    record_anchors(folder, grader, maker, found)
    return found


def _ceiling(
    task: TaskSpec, floor: float, known: float | None, gold: float | None
) -> float | None:  # fmt: skip
    """The ceiling, or None where the reference solution has to be run for it."""
    if known is None and needs_solution(task):
        return None
    competition = gold if task.data.loader == "kaggle" else None
    return settle(task, floor, competition if known is None else known)


def needs_solution(task: TaskSpec) -> bool:
    """Whether the ceiling is what the reference solution scores, which has to be run for it."""
    return task.data.loader != "kaggle" and (task.folder / "solution.py").is_file()


def settle(task: TaskSpec, floor: float, found: float | None) -> float | None:
    """The ceiling: what was found, or the declared best if that is no better than the floor.

    None where that is no better either: then there is nothing to gain on this dataset.
    """
    higher = task.grade.higher_is_better
    for candidate in (found, task.grade.best):
        if candidate is not None and better(candidate, floor, higher):
            return candidate
    return None


def made_by(task: TaskSpec) -> str:
    """A digest of what the anchors of a dataset depend on, besides its files."""
    parts = [_version().encode(), FLOORS.encode()]
    for name in ("grade.py", "solution.py"):
        path = task.folder / name
        parts.append(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"")
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


@functools.cache  # it is in a file with all of the README
def _version() -> str:
    try:
        return version("mle-gym")
    except PackageNotFoundError:  # a source tree that was never installed
        return "unknown"

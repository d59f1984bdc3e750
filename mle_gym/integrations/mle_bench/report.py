"""Writes grades in the format of MLE-bench's reports, for tools that read those."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mle_gym.grading.grade import Grade
    from mle_gym.tasks.spec import TaskSpec

__all__ = [
    "MEDALS",
    "Report",
    "aggregate_report",
    "competition_id",
    "competition_report",
    "submission_exists",
]

Report = dict[str, Any]
"""One competition's report, which has 16 fields."""

MEDALS = ("gold", "silver", "bronze")


def competition_id(task: TaskSpec) -> str:
    """A task's name on Kaggle, or its own id if it has none."""
    return task.data.ref if task.data.loader == "kaggle" else task.id


def submission_exists(path: Path) -> bool:
    """Whether a submission exists by MLE-bench's rule: a file whose name ends in ``.csv``."""
    return path.is_file() and path.suffix.lower() == ".csv"


def competition_report(task: TaskSpec, grade: Grade, path: Path) -> Report:
    """The report of one submission.

    Two things differ from MLE-bench's report: a score that is not a number is null, since JSON has
    no NaN, and so are the thresholds of a task that has none.

    Args:
        task: The task of the competition.
        grade: From the strict or the parity grader.
        path: Where the submission is, or should have been.
    """
    medals = {f"{name}_medal": grade.medal == name for name in MEDALS}
    score = grade.score if grade.score is not None and math.isfinite(grade.score) else None
    return {
        "competition_id": competition_id(task),
        "score": score,
        **{f"{name}_threshold": grade.thresholds.get(name) for name in (*MEDALS, "median")},
        "any_medal": bool(grade.medal),
        **medals,
        "above_median": bool(grade.beats_median),
        "submission_exists": submission_exists(path),
        "valid_submission": grade.valid,
        "is_lower_better": not grade.higher_is_better,
        "created_at": datetime.now(UTC).replace(tzinfo=None).isoformat(),
        "submission_path": str(path),
    }


def aggregate_report(reports: Sequence[Report]) -> Report:
    """The report of many submissions: sums over all of them, and each one's own report."""

    def total(names: Iterable[str]) -> int:
        return sum(bool(report[name]) for report in reports for name in names)

    medals = {f"total_{name}_medals": total([f"{name}_medal"]) for name in MEDALS}
    return {
        "total_runs": len(reports),
        "total_runs_with_submissions": total(["submission_exists"]),
        "total_valid_submissions": total(["valid_submission"]),
        "total_medals": sum(medals.values()),
        **medals,
        "total_above_median": total(["above_median"]),
        "competition_reports": list(reports),
    }

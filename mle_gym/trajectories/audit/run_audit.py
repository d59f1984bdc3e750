"""Audits one trajectory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from mle_gym.errors import MleGymError
from mle_gym.tasks.catalog import load_task, task_folders
from mle_gym.tasks.spec import TaskSpec
from mle_gym.trajectories.audit.feedback_use import (
    literal_submission,
    oracle,
    sample_submitted,
    score_budget,
)
from mle_gym.trajectories.audit.hand_labels import hand_labels, submitted_rows
from mle_gym.trajectories.audit.outside_sources import sources
from mle_gym.trajectories.audit.rules import finding
from mle_gym.trajectories.audit.similarity import Similarity, read_references, similarities
from mle_gym.trajectories.audit.tampering import tampering, unread_data
from mle_gym.trajectories.audit.written_code import Script, is_readable, scripts
from mle_gym.trajectories.check_record_fields import require_types
from mle_gym.trajectories.findings import SEVERITIES, Finding, Severity
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["THRESHOLD", "Audit", "audit_record", "audit_trajectory"]

THRESHOLD = 0.5
"""The similarity from which on a program is reported. Honest programs for one task have loading,
splitting and writing in common, which is about a third of a short one."""


@dataclass(frozen=True)
class Audit:
    """What the rules found in one record. Finding nothing proves nothing."""

    path: str
    findings: tuple[Finding, ...]
    """In the order of steps."""
    actions: int
    """How many actions the record contains."""
    unread: int
    """How many of them are neither text nor tool calls (such as numbers of a menu), and so were not
    searched."""
    similarities: tuple[Similarity, ...] | None = None
    """Files of the agent that resemble references, most similar first; None without references."""

    @property
    def worst(self) -> Severity | None:
        """The gravest severity; None if no rule matched. Similarity counts as suspicious."""
        found = {each.severity for each in self.findings}
        found |= {"suspicious"} if self.similarities else set()
        return min(found, key=SEVERITIES.index, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        similar = self.similarities
        return {
            "path": self.path,
            "worst": self.worst,
            "actions": self.actions,
            "unread": self.unread,
            "findings": list(map(_as_dict, self.findings)),
            "similarities": None if similar is None else [each.to_dict() for each in similar],
        }


def _as_dict(found: Finding) -> dict[str, Any]:
    """A match of a rule as plain data."""
    return {
        "rule": found.check,
        "severity": found.severity,
        "step": found.step,
        "evidence": found.detail,
        "meaning": found.meaning,
    }


def audit_trajectory(
    path: str | Path, *, references: str | Path | None = None, threshold: float = THRESHOLD
) -> Audit:
    """Look for broken rules in what an agent did.

    The rules in :data:`~mle_gym.trajectories.audit.RULES` look for labels written by hand, data and
    solutions from elsewhere, places where answers are kept, and scores used as an oracle. They read
    the record alone and run nothing in it. Whether the record is true is a question for
    :func:`mle_gym.verify_trajectory`.

    An attempt counts, whether or not the sandbox let it succeed. If no rule matches, that proves
    nothing, since a rule knows only the usual ways.

    Args:
        path: A trajectory, complete or cut off.
        references: A folder of notebooks and scripts to compare the agent's programs with; requires
            the extra ``plagiarism``.
        threshold: The share of a program, from 0 to 1, that must also appear in a reference to
            be reported.

    Raises:
        TrajectoryError: The file is not a trajectory, or is damaged.
        OSError: The file, or a reference, can't be read.
        ValueError: There are no references in the folder, or the threshold is out of range.
        ModuleNotFoundError: References are given, and copydetect is not installed.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold: expected a share from 0 to 1, found {threshold!r}")
    known = None if references is None else read_references(references)
    trajectory = Trajectory.read(path)
    require_types(trajectory, path)
    found = audit_record(trajectory, str(path))
    if known is None:
        return found
    similar = similarities(list(scripts(trajectory)), known, threshold)
    return replace(found, similarities=similar)


def audit_record(trajectory: Trajectory, path: str = "") -> Audit:
    """Like :func:`audit_trajectory`, for a record that is in no file.

    Args:
        trajectory: What an agent did, wherever it was recorded.
        path: What to call it.

    Raises:
        TrajectoryError: It has more text than can be searched.
    """
    written = list(scripts(trajectory))
    found = dict.fromkeys(_findings(trajectory, written))
    return Audit(
        path=path,
        findings=tuple(sorted(found, key=attrgetter("step"))),
        actions=len(trajectory.steps),
        unread=sum(not is_readable(step.action) for step in trajectory.steps),
    )


def _findings(trajectory: Trajectory, written: list[Script]) -> Iterator[Finding]:
    submitted = submitted_rows(trajectory)
    if submitted is not None:
        yield from hand_labels(trajectory, written, submitted)
        yield from score_budget(trajectory, submitted)
    else:
        yield from literal_submission(trajectory, written)
    yield from sample_submitted(trajectory, written, submitted)
    yield from oracle(trajectory, written)
    task = _task(trajectory)
    if task is not None and task.answers_can_be_known:
        evidence = f"{task.id} hands programs rows of {task.data.loader}'s {task.data.ref!r}"
        yield finding("known-answers", max(1, len(trajectory.steps)), evidence)
    own = _own_names(trajectory, task)
    for script in written:
        yield from sources(script, own)
        yield from tampering(script)
    yield from unread_data(trajectory, written)


def _task(trajectory: Trajectory) -> TaskSpec | None:
    """The task, if it is known here."""
    name = trajectory.header.get("task")
    if isinstance(name, str) and name in task_folders():
        with suppress(MleGymError):  # the user may be editing its folder
            return load_task(name)
    return None


def _own_names(trajectory: Trajectory, task: TaskSpec | None) -> frozenset[str]:
    """The names of the task and, if the task is known here, of its data set."""
    names = {trajectory.header.get("task"), task and task.data.ref}
    return frozenset(name.lower() for name in names if name and isinstance(name, str))

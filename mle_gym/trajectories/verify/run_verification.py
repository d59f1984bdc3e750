"""Verifies one trajectory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mle_gym.trajectories.findings import Finding
from mle_gym.trajectories.hash_chain import check_key
from mle_gym.trajectories.trajectory import Line, Trajectory, read_lines
from mle_gym.trajectories.verify.rescore import check_score
from mle_gym.trajectories.verify.self_consistency import check_chain, check_fields, check_steps

__all__ = ["Verification", "verify_trajectory"]

DECISIVE = frozenset({"chain", "end", "submission", "score"})
"""The checks that must be decided before a result is confirmed. The others may stay undecided, such
as for a dataset made by other library versions, or a reward that is the user's own function."""


@dataclass(frozen=True)
class Verification:
    """Whether a trajectory's record is complete and its score true."""

    path: str
    findings: tuple[Finding, ...]
    """From the checks ``chain``, ``end``, ``header``, ``steps``, ``footer``, ``submission``,
    ``dataset``, ``score`` and ``reward``."""
    head: str
    """The last line's hash. Compare it with one that was published when the episode ended."""

    @property
    def verdict(self) -> Literal["confirmed", "refuted", "undecided"]:
        """``confirmed``: complete, and the score was reproduced. ``refuted``: something is wrong.

        ``undecided``: nothing is wrong, but not everything could be decided here.
        """
        if any(each.severity == "failed" for each in self.findings):
            return "refuted"
        passed = {each.check for each in self.findings if each.severity == "passed"}
        open_ = {each.check for each in self.findings if each.severity == "undecided"}
        return "confirmed" if passed >= DECISIVE and not open_ & DECISIVE else "undecided"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "path": self.path,
            "verdict": self.verdict,
            "head": self.head,
            "findings": [
                {"check": each.check, "status": each.severity, "detail": each.detail}
                for each in self.findings
            ],
        }


def verify_trajectory(
    path: str | Path, *, task: str | Path | None = None, key: bytes | None = None
) -> Verification:
    """Check whether a record is complete and its score true.

    First the hash chain, the fields and their consistency are checked. Then the dataset is prepared
    as the record says, the stored submission is graded again, and grade and reward are compared.
    Nothing that the file names is imported or run: its task is looked up by its id among the tasks
    known here, and the agent's actions are not played again (:func:`mle_gym.replay` does that).

    If something can't be decided here, the result is undecided, not refuted: the task is not known
    or has changed, the libraries have other versions, or the format is old.

    A chain shows accidents and edits, but not a forger who computes it again. Against that, compare
    ``head`` with one that was published, or sign with a ``key``. Only those who have the key can
    check the signature.

    Args:
        path: A trajectory, complete or cut off.
        task: Name or folder of its task, if it is not among those known here.
        key: The key that signed the file. An unsigned file is then refuted.

    Raises:
        TrajectoryError: The file is not a trajectory, or has a later format.
        OSError: The file can't be read.
        ValueError: The key is too short.
    """
    if key is not None:
        check_key(key)
    lines, note = read_lines(path)
    trajectory = Trajectory.from_lines(lines, note, path)
    findings = tuple(_findings(lines, trajectory, task, key))
    return Verification(str(path), findings, trajectory.head)


def _findings(
    lines: list[Line], trajectory: Trajectory, task: str | Path | None, key: bytes | None
) -> Iterator[Finding]:
    yield from check_chain(lines, key)
    yield _check_end(trajectory)
    contents = [*check_fields(trajectory), *check_steps(trajectory)]
    yield from contents
    if trajectory.footer is None:
        return
    if any(finding.severity == "failed" for finding in contents):
        yield Finding("score", "undecided", "not graded again, since the record contradicts itself")
        return
    yield from check_score(trajectory, task)


def _check_end(trajectory: Trajectory) -> Finding:
    """Whether the record reaches the end of the episode."""
    if trajectory.note:
        return Finding("end", "failed", trajectory.note)
    return Finding("end", "passed", str(trajectory.left or "the episode was recorded to its end"))

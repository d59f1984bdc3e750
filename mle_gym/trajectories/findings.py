"""What a verification found, and the verdict that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Finding", "Status", "Verification"]

Status = Literal["passed", "failed", "undecided"]

DECISIVE = frozenset({"chain", "end", "submission", "score"})
"""The checks that must be decided before a result is confirmed. The others may stay undecided: a
dataset made by other library versions, a reward that is the user's own function."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    check: str
    """``chain``, ``end``, ``header``, ``steps``, ``footer``, ``submission``, ``dataset``, ``score``
    or ``reward``; several findings may come from the same one."""
    status: Status
    detail: str
    """What was found; where it is wrong, in which step and field, and what was expected."""

    def to_dict(self) -> dict[str, str]:
        """The fields by name."""
        return {"check": self.check, "status": self.status, "detail": self.detail}


@dataclass(frozen=True)
class Verification:
    """Whether a trajectory's record is whole and its score true."""

    path: str
    findings: tuple[Finding, ...]
    head: str
    """The last line's hash. Compare it with one that was published when the episode ended."""

    @property
    def verdict(self) -> Literal["confirmed", "refuted", "undecided"]:
        """``confirmed``: whole, and the score came out again. ``refuted``: something is wrong.

        ``undecided``: nothing is wrong as far as could be seen here.
        """
        if any(each.status == "failed" for each in self.findings):
            return "refuted"
        passed = {each.check for each in self.findings if each.status == "passed"}
        open_ = {each.check for each in self.findings if each.status == "undecided"}
        return "confirmed" if passed >= DECISIVE and not open_ & DECISIVE else "undecided"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "path": self.path,
            "verdict": self.verdict,
            "head": self.head,
            "findings": [finding.to_dict() for finding in self.findings],
        }

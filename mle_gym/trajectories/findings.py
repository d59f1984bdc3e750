"""What a verification or an audit found in the record of an episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["SEVERITIES", "Finding", "Severity"]

Severity = Literal["failed", "violation", "suspicious", "undecided", "note", "passed"]
SEVERITIES: Final[tuple[Severity, ...]] = (
    "failed", "violation", "suspicious", "undecided", "note", "passed"
)  # fmt: skip
"""Worst first. A check of a verification ``passed``, ``failed`` or stayed ``undecided``; the others
say how grave it is that a rule of an audit matches."""


@dataclass(frozen=True)
class Finding:
    """What one check of a record found, or one place in the record that a rule matches."""

    check: str
    """The name of the check, or the id of the rule. Several findings may come from the same one."""
    severity: Severity
    detail: str
    """What was found and where. From a check that failed: also what was expected. From a rule: the
    text that matched, quoted."""
    step: int | None = None
    """Where it was found, counted from 1; None if it concerns the record as a whole."""
    meaning: str = ""
    """What a match of the rule means; empty for the checks of a verification."""

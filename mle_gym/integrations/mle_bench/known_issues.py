"""The issues that MLE-bench lists of its competitions, and keeps for the sake of comparisons."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Issue", "issues_of", "known_issues"]

FILE = Path(__file__).with_name("known_issues.toml")


@dataclass(frozen=True)
class Issue:
    """One of them."""

    competition: str
    text: str
    link: str = ""
    """Where it is discussed."""
    here: str = ""
    """How the built-in task avoids it; empty where it has the issue too."""

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for one task."""
        return {name: value for name, value in asdict(self).items() if name != "competition"}

    def __str__(self) -> str:
        """As Markdown."""
        number = self.link.rpartition("/")[2]
        told = f"{self.text} ([#{number}]({self.link}))" if self.link else self.text
        return f"{told} Here: {self.here}" if self.here else told


@lru_cache(maxsize=1)
def known_issues() -> tuple[Issue, ...]:
    """All of them, by competition."""
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))["issue"]
    return tuple(Issue(**entry) for entry in entries)


def issues_of(task: TaskSpec) -> list[Issue]:
    """Those of a task, built-in or imported from a checkout of MLE-bench."""
    imported = "mle-bench" in task.tags
    if task.data.loader != "kaggle" or ("imported" in task.tags and not imported):
        return []
    found = [each for each in known_issues() if each.competition == task.data.ref]
    # An imported task is MLE-bench's own, with nothing mended.
    return [Issue(each.competition, each.text, each.link) for each in found] if imported else found

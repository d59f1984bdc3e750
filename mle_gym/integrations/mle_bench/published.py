"""What is published about MLE-bench's competitions: splits, and the thresholds of medals.

The thresholds were computed from Kaggle's private leaderboards by MLE-bench's rule, so that they
are available without a leaderboard, which would require Git LFS.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mle_gym.errors import TaskError
from mle_gym.grading.leaderboard import Thresholds

__all__ = ["SPLITS", "Published", "competitions", "split"]

FILE = Path(__file__).with_name("competitions.csv")


@dataclass(frozen=True)
class Published:
    """One competition."""

    id: str
    """Its name on Kaggle, which is not always lower case."""
    split: str
    thresholds: Thresholds
    higher_is_better: bool
    systemcard: bool
    """Whether it is one of the 30 with which OpenAI's system cards report."""


COMPLEXITIES = ("low", "medium", "high")
SPLITS: dict[str, Callable[[Published], bool]] = {
    "low": lambda entry: entry.split == "low",
    "medium": lambda entry: entry.split == "medium",
    "high": lambda entry: entry.split == "high",
    "split75": lambda entry: entry.split in COMPLEXITIES,
    "all": lambda entry: entry.split in COMPLEXITIES,
    "systemcard": lambda entry: entry.systemcard,
    "dev": lambda entry: entry.split == "dev",
    "spaceship-titanic": lambda entry: entry.id == "spaceship-titanic",
}
"""MLE-bench's names of its files of competitions, and ``all`` for ``split75``. ``dev`` is for
trying things out."""


@lru_cache(maxsize=1)
def competitions() -> dict[str, Published]:
    """All 82 competitions by id."""
    with FILE.open(newline="", encoding="utf-8") as file:
        return {row["competition"]: _published(row) for row in csv.DictReader(file)}


def split(name: str) -> list[str]:
    """The competitions of a split: one of ``SPLITS``, or a text file with one id a line.

    Raises:
        TaskError: No such split.
    """
    if name in SPLITS:
        return sorted(entry.id for entry in competitions().values() if SPLITS[name](entry))
    try:
        lines = Path(name).read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:
        names = ", ".join(SPLITS)
        raise TaskError(f"split: expected {names} or a file of ids, found {name!r}") from error
    if not lines:
        raise TaskError(f"split: expected one competition per line, found nothing in {name}")
    return list(dict.fromkeys(lines))


def _published(row: dict[str, str]) -> Published:
    values = [float(row[name]) for name in ("gold", "silver", "bronze", "median")]
    higher = row["lower_is_better"] == "false"
    systemcard = row["systemcard"] == "true"
    return Published(row["competition"], row["split"], Thresholds(*values), higher, systemcard)

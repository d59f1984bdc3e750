"""Reads other benchmarks' leaderboards: complete ones, mere pointers, or first pages."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mle_gym.grading.leaderboard import Thresholds, medal_thresholds
from mle_gym.regular_files import read_whole

__all__ = ["Board", "read_board"]

POINTER = b"version https://git-lfs.github.com/spec/"
PAGES = frozenset({20, 50, 100, 200})
"""Sizes of a page in Kaggle's API. A board with exactly that many rows counts as a first page."""
DECIMALS = 5
MOST_BYTES = 16 * 2**20
"""The size of a board. Kaggle's largest have a tenth of it."""


@dataclass(frozen=True)
class Board:
    """The contents of a leaderboard file."""

    state: Literal["whole", "pointer", "truncated", "missing", "unreadable"]
    scores: tuple[float, ...] = ()
    """In the order of the file, best first; only for a complete board."""

    @property
    def higher_is_better(self) -> bool:
        """Whether the first score is above the last, which is MLE-bench's rule."""
        return not self.scores[0] < self.scores[-1]

    @property
    def thresholds(self) -> Thresholds:
        """The medal thresholds of a complete board."""
        return medal_thresholds(self.scores, self.higher_is_better)

    @property
    def problem(self) -> str:
        """What is wrong with the board, and what to do; empty for a complete one."""
        return {
            "whole": "",
            "pointer": "its leaderboard is a Git LFS pointer (`git lfs pull` gets the file)",
            "truncated": "its leaderboard is only the first page of one",
            "missing": "it has no leaderboard",
            "unreadable": "its leaderboard has no column 'score' of numbers",
        }[self.state]


def read_board(file: Path, published: Thresholds | None) -> Board:
    """Read a leaderboard, and distinguish a complete one from what only looks like one.

    Args:
        file: A CSV file with a column ``score`` and one row for each team.
        published: The competition's thresholds, if they are known. A board whose median team is
            better than the published median lacks its lower part.
    """
    try:
        content = read_whole(file, MOST_BYTES)
    except FileNotFoundError:
        return Board("missing")
    except OSError:
        return Board("unreadable")
    if content.startswith(POINTER):
        return Board("pointer")
    try:
        rows = csv.DictReader(content.decode("utf-8-sig").splitlines(), strict=True)
        scores = tuple(float(row["score"]) for row in rows)
    except (ValueError, KeyError, TypeError, csv.Error):
        return Board("unreadable")
    if not scores or not all(map(math.isfinite, scores)):
        return Board("unreadable")
    board = Board("whole", scores)
    return Board("truncated") if _truncated(board, published) else board


def _truncated(board: Board, published: Thresholds | None) -> bool:
    if published is None or published.median is None or published.gold is None:
        return len(board.scores) in PAGES
    found, known = board.thresholds.median or 0.0, published.median
    higher = published.gold > known
    if round(found, DECIMALS) == round(known, DECIMALS):
        return False
    return found > known if higher else found < known

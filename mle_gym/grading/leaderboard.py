"""A task's leaderboard and thresholds; ranks, percentiles and medals by Kaggle's rules."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal

from mle_gym.datasets.sources.kaggle.raw_files import leaderboard_file
from mle_gym.errors import TaskError
from mle_gym.regular_files import read_whole

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = [
    "PUBLIC_BOARD",
    "Medal",
    "Thresholds",
    "above_median",
    "better",
    "has_downloaded_board",
    "human_boards",
    "human_rank",
    "load_leaderboard",
    "medal",
    "medal_positions",
    "medal_thresholds",
    "percentile",
    "rank",
    "shown",
    "standards",
]

Medal = Literal["gold", "silver", "bronze", ""]

PUBLIC_BOARD = "public_leaderboard.csv"
"""In the folder of an imported task: the board of the public part, beside the private one."""
MOST_BYTES = 16 * 2**20
"""Of a leaderboard file; Kaggle's largest are a tenth as large."""
DECIMALS = 5
"""A score is rounded to these before it is compared, as leaderboards show it and MLE-bench ranks
it: the last bits of a float differ between machines and must not decide over a medal."""
RESOLUTION, RELATIVE_RESOLUTION = 5e-6, 1e-6
"""Scores that differ by less are equal beside a floor or a ceiling: half of the fifth decimal, or
a millionth of scores with many digits before the point. A smaller difference may come from how a
number was written (0.333333 for a third), or from the processor."""


@dataclass(frozen=True)
class Thresholds:
    """The scores that earn medals, inclusive, and the median of the leaderboard."""

    gold: float | None = None
    silver: float | None = None
    bronze: float | None = None
    median: float | None = None

    def to_dict(self) -> dict[str, float]:
        """Those that are known, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


def standards(task: TaskSpec) -> tuple[tuple[float, ...], Thresholds]:
    """The scores on the task's leaderboard, empty without one, and the thresholds.

    Raises:
        TaskError: The leaderboard can't be read.
    """
    medals, on_kaggle = task.medals, task.data.loader == "kaggle"
    declared = Thresholds(medals.gold, medals.silver, medals.bronze, medals.median)
    downloaded = leaderboard_file(task.data.ref) if on_kaggle else None
    if downloaded is not None:  # the thresholds stay the published ones
        return load_leaderboard(downloaded), declared
    if not medals.leaderboard:
        return (), declared
    board = load_leaderboard(task.folder / medals.leaderboard)
    # Kaggle rounded its boards itself. Ours hold floats to the last bit, which the same model
    # need not reach on another machine.
    board = board if on_kaggle else tuple(map(shown, board))
    if not medals.award:
        return board, Thresholds(median=median(board))
    return board, medal_thresholds(board, task.grade.higher_is_better)


def has_downloaded_board(task: TaskSpec) -> bool:
    """Whether a Kaggle competition's full leaderboard is on this machine."""
    return task.data.loader == "kaggle" and leaderboard_file(task.data.ref) is not None


def human_boards(task: TaskSpec) -> tuple[tuple[float, ...], ...]:
    """The scores on a competition's leaderboards that are here: the private one, the public one.

    Raises:
        TaskError: A leaderboard can't be read.
    """
    if task.data.loader != "kaggle":  # other tasks rank against models
        return ()
    public = task.folder / PUBLIC_BOARD
    boards = (standards(task)[0], load_leaderboard(public) if public.is_file() else ())
    return tuple(board for board in boards if board)


def medal_positions(teams: int) -> tuple[int, int, int]:
    """The last places, counted from 1, that earn gold, silver and bronze among so many teams.

    Kaggle's rule (kaggle.com/progression). Small boards overlap: with fewer than five teams the
    first place alone earns gold, and no place is silver.
    """
    if teams < 1:
        raise ValueError(f"expected a leaderboard of at least one team, found {teams}")
    if teams < 100:
        return max(1, teams // 10), max(1, teams // 5), max(1, 2 * teams // 5)
    if teams < 250:
        return 10, teams // 5, 2 * teams // 5
    gold = 10 + teams // 500
    return (gold, 50, 100) if teams < 1000 else (gold, teams // 20, teams // 10)


def medal_thresholds(scores: Sequence[float], higher_is_better: bool) -> Thresholds:
    """The scores at the last places that earn each medal, and the median.

    Args:
        scores: Of all teams, in any order.
        higher_is_better: The metric's direction.
    """
    ranked = sorted(scores, reverse=higher_is_better)
    gold, silver, bronze = medal_positions(len(ranked))
    return Thresholds(ranked[gold - 1], ranked[silver - 1], ranked[bronze - 1], median(ranked))


def shown(score: float) -> float:
    """A score as a leaderboard shows it; NaN and infinity stay what they are."""
    return round(score, DECIMALS)


def better(score: float, other: float, higher_is_better: bool) -> bool:
    """Whether a measured score is better than another measured one by more than their resolution.

    For comparisons with a floor or a ceiling. Medals and ranks depend on what a board shows.
    """
    gain = score - other if higher_is_better else other - score
    return gain > max(RESOLUTION, RELATIVE_RESOLUTION * max(abs(score), abs(other)))


def medal(score: float, thresholds: Thresholds, higher_is_better: bool) -> Medal:
    """The best medal that a score earns; a threshold itself is enough.

    MLE-bench's rule: the score is rounded and the thresholds are not, so that a board of six
    decimals, such as aptos2019's, keeps its own. NaN earns nothing.
    """
    names: tuple[Medal, ...] = ("gold", "silver", "bronze")
    score = shown(score)
    for name in names:
        threshold = getattr(thresholds, name)
        if threshold is None:
            continue
        if score >= threshold if higher_is_better else score <= threshold:
            return name
    return ""


def above_median(score: float, thresholds: Thresholds, higher_is_better: bool) -> bool | None:
    """Whether a score, rounded, is better than the median; None where that is unknown."""
    if thresholds.median is None:
        return None
    score = shown(score)
    return score > thresholds.median if higher_is_better else score < thresholds.median


def rank(score: float, scores: Sequence[float], higher_is_better: bool) -> int:
    """The place, counted from 1, that a score would take; teams with the same score share it.

    The last place for NaN, which only MLE-bench's graders accept.
    """
    if math.isnan(score):
        return len(scores) + 1
    return 1 + sum(_better(other, score, higher_is_better) for other in scores)


def percentile(score: float, scores: Sequence[float], higher_is_better: bool) -> float:
    """The fraction of teams that a score beats, 0 to 1; teams with the same score don't count."""
    if not scores:
        raise ValueError("expected a leaderboard of at least one team, found none")
    return sum(_better(score, other, higher_is_better) for other in scores) / len(scores)


def human_rank(
    score: float, boards: Sequence[Sequence[float]], higher_is_better: bool
) -> float | None:
    """MLE-Dojo's HumanRank: from 0 (behind everybody) to 1 (nobody is better).

    On each board of N teams, the place p is one more than the number of teams with a better score,
    so that ties count as won, and (N - p + 1) / N is its share; the result is the mean over the
    boards. Scores are not rounded. Source: ``_calculate_leaderboard_position`` in
    ``mledojo/gym/interface.py`` of github.com/MLE-Dojo/MLE-Dojo at 667a8fd; the paper is
    arXiv:2505.07782. NaN, which parity grading accepts, is behind everybody.

    Args:
        score: On the test set.
        boards: The scores of all teams on each leaderboard.
        higher_is_better: The metric's direction.

    Returns:
        None without a board.
    """
    if not boards:
        return None
    shares = []
    for board in boards:
        ahead = sum(not (score >= team if higher_is_better else score <= team) for team in board)
        shares.append((len(board) - ahead) / len(board))
    return sum(shares) / len(shares)


def load_leaderboard(path: Path) -> tuple[float, ...]:
    """The scores of a leaderboard file: a CSV with a column ``score``, a row a team.

    Raises:
        TaskError: Not such a file; names the line.
    """
    try:
        return _load(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise TaskError(f"{path}: expected a readable file, found: {error.strerror}") from None


@lru_cache(maxsize=64)
def _load(path: Path, _mtime_ns: int) -> tuple[float, ...]:
    scores = []
    try:
        text = read_whole(path, MOST_BYTES).decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if "score" not in (rows.fieldnames or ()):
            raise TaskError(f"{path}: expected a column 'score', found {rows.fieldnames!s:.200}")
        for row in rows:
            scores.append(_score(row["score"], path, rows.line_num))
    except (csv.Error, UnicodeDecodeError) as error:
        raise TaskError(f"{path}: expected a CSV file in UTF-8, found: {error}") from None
    if not scores:
        raise TaskError(f"{path}: expected at least one team, found no rows")
    return tuple(scores)


def _score(text: str | None, path: Path, line: int) -> float:
    try:
        score = float(text or "")
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise TaskError(f"{path}: line {line}: score: expected a finite number, found {text!r}")
    return score


def _better(score: float, other: float, higher_is_better: bool) -> bool:
    score, other = shown(score), shown(other)
    return score > other if higher_is_better else score < other

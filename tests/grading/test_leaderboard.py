from __future__ import annotations

import csv
import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_gym.errors import TaskError
from mle_gym.grading.leaderboard import (
    Thresholds,
    above_median,
    human_rank,
    load_leaderboard,
    medal,
    medal_positions,
    medal_thresholds,
    percentile,
    rank,
    shown,
)


@pytest.mark.parametrize(
    ("teams", "positions"),
    [
        (1, (1, 1, 1)),
        (4, (1, 1, 1)),
        (5, (1, 1, 2)),
        (10, (1, 2, 4)),
        (19, (1, 3, 7)),
        (99, (9, 19, 39)),
        (100, (10, 20, 40)),
        (249, (10, 49, 99)),
        (250, (10, 50, 100)),
        (499, (10, 50, 100)),
        (500, (11, 50, 100)),
        (999, (11, 50, 100)),
        (1000, (12, 50, 100)),
        (1019, (12, 50, 101)),
        (1020, (12, 51, 102)),
        (8751, (27, 437, 875)),
    ],
)
def test_medals_go_to_kaggles_places(teams: int, positions: tuple[int, int, int]) -> None:
    assert medal_positions(teams) == positions


def test_thresholds_are_the_scores_at_those_places() -> None:
    scores = [place / 100 for place in range(1, 101)]
    random.Random(0).shuffle(scores)
    assert medal_thresholds(scores, True) == Thresholds(0.91, 0.81, 0.61, 0.505)
    assert medal_thresholds(scores, False) == Thresholds(0.10, 0.20, 0.40, 0.505)
    assert medal_thresholds([0.5], True) == Thresholds(0.5, 0.5, 0.5, 0.5)


def test_an_empty_leaderboard_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one team"):
        medal_thresholds([], True)
    with pytest.raises(ValueError, match="at least one team"):
        percentile(1.0, [], True)


THRESHOLDS = Thresholds(gold=0.9, silver=0.8, bronze=0.7, median=0.5)


@pytest.mark.parametrize(
    ("score", "expected"),
    [(0.95, "gold"), (0.9, "gold"), (0.89, "silver"), (0.8, "silver"), (0.7, "bronze"), (0.69, "")],
)
def test_thresholds_are_inclusive(score: float, expected: str) -> None:
    assert medal(score, THRESHOLDS, True) == expected
    mirrored = Thresholds(-0.9, -0.8, -0.7, -0.5)
    assert medal(-score, mirrored, False) == expected


def test_the_median_must_be_beaten() -> None:
    assert above_median(0.51, THRESHOLDS, True) is True
    assert above_median(0.5, THRESHOLDS, True) is False
    assert above_median(0.5, THRESHOLDS, False) is False
    assert above_median(0.49, THRESHOLDS, False) is True
    assert above_median(0.5, Thresholds(), True) is None


def test_equal_thresholds_give_the_better_medal_and_none_gives_none() -> None:
    assert medal(1.0, Thresholds(1.0, 1.0, 1.0), True) == "gold"
    assert medal(0.95, Thresholds(0.9566, 0.95, 0.95), True) == "silver"
    assert medal(1.0, Thresholds(), True) == ""


def test_ties_share_a_place_and_do_not_count_as_beaten() -> None:
    board = [0.9, 0.8, 0.8, 0.7]
    assert [rank(score, board, True) for score in (1.0, 0.9, 0.8, 0.7, 0.1)] == [1, 1, 2, 4, 5]
    assert [percentile(s, board, True) for s in (1.0, 0.9, 0.8, 0.7)] == [1.0, 0.75, 0.25, 0.0]
    assert rank(0.7, board, False) == 1
    assert percentile(0.75, board, False) == 0.75


SCORES = st.lists(st.floats(-10, 10).map(shown), min_size=1, max_size=300)


@given(SCORES, st.booleans(), st.floats(-10, 10))
def test_a_medal_depends_on_the_place_alone(board: list[float], higher: bool, score: float) -> None:
    gold, silver, bronze = medal_positions(len(board))
    place = rank(score, board, higher)
    thresholds = medal_thresholds(board, higher)
    if medal(score, thresholds, higher) == "gold":
        assert place <= gold
    elif medal(score, thresholds, higher) == "silver":
        assert gold < place <= silver
    elif medal(score, thresholds, higher) == "bronze":
        assert silver < place <= bronze
    else:
        assert place > bronze
    beaten = round(percentile(score, board, higher) * len(board))
    assert 0 <= beaten <= len(board) - (place - 1)


def test_leaderboard_files(tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.csv"
    path.write_text("team,score\na,0.5\nb,0.7\n")
    assert load_leaderboard(path) == (0.5, 0.7)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"team,points\na,1\n", r"expected a column 'score', found \['team', 'points'\]"),
        (b"score\n", "at least one team"),
        (b"score\n0.5\nhigh\n", "line 3: score: expected a finite number, found 'high'"),
        (b"team,score\na,nan\n", "line 2: score: expected a finite number, found 'nan'"),
        (b"team,score\na\n", "line 2: score: expected a finite number, found None"),
        (b"score\n\xff\n", "expected a CSV file in UTF-8"),
    ],
)
def test_broken_leaderboards_name_the_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "leaderboard.csv"
    path.write_bytes(content)
    with pytest.raises(TaskError, match=message):
        load_leaderboard(path)


def test_a_missing_leaderboard_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"board\.csv: expected a readable file"):
        load_leaderboard(tmp_path / "board.csv")


def test_a_leaderboard_may_be_written_by_csv(tmp_path: Path) -> None:
    path = tmp_path / "board.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([["score", "team"], [0.25, 'a, "b"']])
    assert load_leaderboard(path) == (0.25,)


@pytest.mark.parametrize(
    ("score", "expected"),
    [(0.930508, "gold"), (0.930505001, "gold"), (0.930504, "silver"), (0.919655001, "silver"),
     (0.919654, "bronze"), (0.914492, ""), (0.914495001, "bronze"), (float("nan"), "")],
)  # fmt: skip
def test_the_score_is_rounded_and_a_threshold_is_not(score: float, expected: str) -> None:
    thresholds = Thresholds(0.930508, 0.919654, 0.914492, 0.888912)
    assert medal(score, thresholds, True) == expected


def test_a_median_between_two_teams_is_not_rounded_either() -> None:
    assert [
        above_median(score, Thresholds(median=0.418785), False) for score in (0.41878, 0.41879)
    ] == [True, False]
    assert [
        above_median(score, Thresholds(median=0.972675), True) for score in (0.97267, 0.97268)
    ] == [False, True]
    assert above_median(float("nan"), Thresholds(median=0.5), True) is False


def test_rank_and_percentile_see_the_same_ties() -> None:
    for score, place in ((999.9995, 1), (1000.0, 1), (1000.0001, 2)):
        assert rank(score, [1000.0, 2000.0], False) == place
        assert percentile(score, [1000.0, 2000.0], False) == (1.0 if score < 1000 else 0.5)


def test_a_score_that_is_no_number_takes_the_last_place() -> None:
    assert rank(float("nan"), [0.9, 0.8], True) == 3
    assert percentile(float("nan"), [0.9, 0.8], False) == 0.0


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_scores_that_differ_beyond_the_fifth_decimal_are_ties(higher_is_better: bool) -> None:
    board = [0.9, 0.8, 0.7]
    thresholds = medal_thresholds(board, higher_is_better)
    best, worse = (0.9, -1) if higher_is_better else (0.7, 1)
    assert medal(best + worse * 1e-9, thresholds, higher_is_better) == "gold"
    assert medal(best + worse * 2e-5, thresholds, higher_is_better) != "gold"
    assert rank(best + worse * 1e-9, board, higher_is_better) == 1
    assert percentile(0.8 - worse * 1e-9, board, higher_is_better) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("score", "boards", "higher", "expected"),
    [
        (0.9, [[0.9, 0.8, 0.7, 0.6]], True, 1.0),
        (0.8, [[0.9, 0.8, 0.8, 0.6]], True, 3 / 4),  # a tie is won
        (0.1, [[0.9, 0.8]], True, 0.0),  # behind everybody
        (0.7, [[0.9, 0.8, 0.7, 0.6], [0.75, 0.7]], True, (2 / 4 + 1 / 2) / 2),
        (1.5, [[1.0, 2.0, 3.0], [0.5, 1.0, 1.5, 2.0]], False, (2 / 3 + 2 / 4) / 2),
        (0.899999999, [[0.9, 0.8]], True, 1 / 2),  # not rounded
        (math.nan, [[0.9, 0.8]], True, 0.0),
        (math.nan, [[0.9, 0.8]], False, 0.0),
        (0.9, [], True, None),
    ],
)
def test_human_rank_is_the_mean_share_of_teams_that_are_not_better(
    score: float, boards: list[list[float]], higher: bool, expected: float | None
) -> None:
    assert human_rank(score, boards, higher) == pytest.approx(expected)

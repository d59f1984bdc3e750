"""Medals that the sample earns, that are equal, or that depend on luck are reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mle_gym.authoring.medal_checks import medals_are_earned, medals_are_not_luck
from mle_gym.grading.grade import Grade
from mle_gym.tasks.catalog import load_task

OURS, KAGGLE = load_task("digits"), load_task("spooky-author-identification")
THRESHOLDS = {"gold": 0.9, "silver": 0.8, "bronze": 0.7, "median": 0.6}
SAMPLE = Grade(
    task="digits",
    variant=0,
    valid=True,
    metric="accuracy",
    higher_is_better=True,
    score=0.1,
    thresholds=THRESHOLDS,
    beats_median=False,
)


def program(score: float, error: float) -> Grade:
    return replace(SAMPLE, score=score, score_ci=(score - 1.96 * error, score + 1.96 * error))


def test_medals_that_are_apart_pass() -> None:
    assert medals_are_earned(OURS, SAMPLE).passed
    assert medals_are_not_luck(OURS, SAMPLE, [program(0.85, 0.09)]).passed


def test_a_task_without_medals_passes() -> None:
    none = replace(SAMPLE, thresholds={}, beats_median=None)
    ranks = replace(SAMPLE, thresholds={"median": 0.6})
    for floor in (none, ranks):
        assert medals_are_earned(OURS, floor).passed
        assert medals_are_not_luck(OURS, floor, [program(0.8, 9.0)]).passed


@pytest.mark.parametrize("task", [OURS, KAGGLE])
def test_a_sample_that_earns_something_is_refused(task: object) -> None:
    bronze = medals_are_earned(task, replace(SAMPLE, medal="bronze"))  # type: ignore[arg-type]
    median = medals_are_earned(task, replace(SAMPLE, beats_median=True))  # type: ignore[arg-type]
    assert not bronze.passed
    assert "earns bronze" in bronze.detail
    assert not median.passed
    assert "beats the median" in median.detail


@pytest.mark.parametrize("name", ["silver", "bronze", "median"])
def test_equal_thresholds_are_refused_unless_a_competition_published_them(name: str) -> None:
    above = dict(zip(("silver", "bronze", "median"), THRESHOLDS, strict=False))[name]
    equal = replace(SAMPLE, thresholds=THRESHOLDS | {name: THRESHOLDS[above]})
    found = medals_are_earned(OURS, equal)
    assert not found.passed
    assert f"{above} and {name} are both" in found.detail
    assert medals_are_earned(KAGGLE, equal).passed


def test_medals_closer_than_the_noise_nearest_to_them_are_refused() -> None:
    far, near = program(0.2, 0.01), program(0.82, 0.11)
    found = medals_are_not_luck(OURS, SAMPLE, [far, near])
    assert not found.passed
    assert "less than the noise of 0.11" in found.detail
    assert medals_are_not_luck(KAGGLE, SAMPLE, [near]).passed
    assert medals_are_not_luck(OURS, SAMPLE, [program(0.82, 0.01), program(0.2, 0.5)]).passed


def test_bronze_no_further_from_the_sample_than_the_noise_is_refused() -> None:
    assert not medals_are_not_luck(OURS, replace(SAMPLE, score=0.65), [program(0.8, 0.09)]).passed


def test_without_a_known_noise_nothing_is_claimed() -> None:
    for grades in ([], [replace(SAMPLE, score=0.8)]):
        assert medals_are_not_luck(OURS, SAMPLE, grades).passed

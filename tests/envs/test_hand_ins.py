"""Nothing, the sample and a constant earn nothing, and the answers earn the maximum."""

from __future__ import annotations

import pytest

from benchmarks.hand_ins import GUESSES, HAND_INS, VARIANTS, graded, mean_paid, offline, paid, play
from mle_gym.episode.rewards import REWARDS
from tests.tiers import few_quick

NOTHING_FOR_NOTHING = ("anchored", "milestones", "medal")
"""``score`` and ``percentile`` are scales of the score itself, on which guesses are somewhere."""


@pytest.mark.parametrize("variant", VARIANTS[:2])
@pytest.mark.parametrize("task", few_quick(offline(), ("titanic", "zoo"), "it prepares every task"))
def test_knowing_nothing_pays_nothing_and_the_answers_pay_all(task: str, variant: int) -> None:
    for hand_in in HAND_INS:
        rewards = paid(graded(task, variant, hand_in))
        assert {"score", "anchored", "milestones"} <= rewards.keys()
        for name, reward in rewards.items():
            if hand_in == "answers":
                assert reward == pytest.approx(1.0, abs=0.05 if name == "percentile" else 1e-9)
            elif name in NOTHING_FOR_NOTHING or hand_in == "nothing":
                assert reward == 0.0, (hand_in, name)
            else:
                assert reward < 0.75, (hand_in, name)


@pytest.mark.parametrize("task", offline())
@pytest.mark.slow("forty guesses for each task")
def test_guesses_are_paid_next_to_nothing_on_average(task: str) -> None:
    for guess in GUESSES:
        rewards = mean_paid(task, 0, guess, draws=40)
        assert rewards["anchored"] <= 0.01, guess
        assert rewards["milestones"] <= 0.01, guess


@pytest.mark.parametrize(
    ("task", "reward"),
    [*(("digits", name) for name in sorted(REWARDS)), ("iris-pipeline", "milestones")],
)
@pytest.mark.slow("an episode for each kind of hand-in")
def test_an_episode_pays_what_its_grade_does(task: str, reward: str) -> None:
    for hand_in in HAND_INS:
        total, grade = play(task, 1, hand_in, reward)
        assert total == pytest.approx(paid(grade)[reward], abs=1e-9), hand_in
        assert paid(grade)["score"] == pytest.approx(paid(graded(task, 1, hand_in))["score"])

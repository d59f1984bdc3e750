from __future__ import annotations

import numpy as np
import pytest

from mle_gym.authoring.something_to_learn import (
    Axis,
    Outcomes,
    axis_costs,
    best_fixed,
    gap,
    share_closed_by_choice,
    share_closed_by_two,
    spearman,
    validation_correlation,
)

SAME = np.tile([0.2, 0.8, 0.5], (6, 1))
"""One program is the best everywhere."""
TURNS = np.tile(np.eye(3) * 0.6 + 0.3, (4, 1))
"""Each of three programs is the best on every third variant: .9, the others .3."""


def test_there_is_no_gap_where_one_program_is_always_best() -> None:
    assert best_fixed(SAME) == 1
    assert gap(SAME) == pytest.approx((0, 0, 0))
    assert share_closed_by_choice(Outcomes(SAME, SAME)) == 0
    assert share_closed_by_two(Outcomes(SAME, SAME)) == 0


def test_the_gap_is_best_by_variant_minus_best_on_average() -> None:
    mean, low, high = gap(TURNS)
    assert mean == pytest.approx(0.9 - 0.5)
    assert 0.1 < low < mean
    assert low < high <= mean + 1e-9  # a sample in which programs are less equal has a better one


def test_an_honest_validation_closes_the_whole_gap() -> None:
    outcomes = Outcomes(TURNS, 100 * TURNS - 7)
    assert share_closed_by_choice(outcomes) == pytest.approx(1)
    assert validation_correlation(outcomes) == pytest.approx(1)


def test_a_validation_that_says_the_opposite_loses_to_the_fixed_program() -> None:
    outcomes = Outcomes(TURNS, -TURNS)
    assert share_closed_by_choice(outcomes) == pytest.approx((0.3 - 0.5) / 0.4)
    assert validation_correlation(outcomes) == pytest.approx(-1)


def test_a_validation_that_never_varies_counts_as_uncorrelated() -> None:
    assert validation_correlation(Outcomes(TURNS, np.ones_like(TURNS))) == 0


def test_a_program_without_validation_is_never_chosen_and_not_correlated() -> None:
    own = TURNS.copy()
    own[:, 0] = np.nan
    outcomes = Outcomes(TURNS, own)
    assert 0 not in outcomes.chosen
    # On two thirds of the variants the best is found, on the others either of two that reach .3.
    assert share_closed_by_choice(outcomes) == pytest.approx((0.7 - 0.5) / 0.4)
    # On these others nothing varies that has a validation.
    assert validation_correlation(outcomes) == pytest.approx(2 / 3)


def test_a_list_of_two_of_three_closes_half() -> None:
    # Any two programs reach .9 on two thirds of the variants, so .7: half of the gap.
    assert share_closed_by_two(Outcomes(TURNS, TURNS), block=3) == pytest.approx(0.5)


def test_lists_are_chosen_on_variants_of_all_structures() -> None:
    # Without its own variant, a list looks worse than one that is bad on it.
    assert share_closed_by_two(Outcomes(TURNS, TURNS), block=1) < 0


def test_a_list_of_two_closes_everything_where_there_are_two_kinds_of_variant() -> None:
    truth = np.tile([[0.9, 0.3, 0.1], [0.3, 0.9, 0.1]], (5, 1))
    assert share_closed_by_two(Outcomes(truth, truth), block=2) == pytest.approx(1)


def test_a_list_is_not_chosen_on_the_variant_it_is_judged_on() -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(size=(8, 60))  # nothing about one variant says anything about another
    mean_of_two = share_closed_by_two(Outcomes(noise, noise))
    pairs = [np.maximum(noise[:, a], noise[:, b]).mean() for a in range(60) for b in range(a)]
    fixed, best = noise.mean(axis=0).max(), noise.max(axis=1).mean()
    assert mean_of_two < (max(pairs) - fixed) / (best - fixed) - 0.1


def test_the_cost_of_being_wrong_is_told_for_each_side() -> None:
    truth = np.array([[0.9, 0.5, 0.8], [0.4, 0.6, 0.6]])
    right = {"a": [True, False, None], "b": [False, True, None]}
    costs = axis_costs(truth, Axis("shape", ["a", "b"], right))
    assert costs == {"a": pytest.approx(0.4), "b": pytest.approx(0.2)}


def test_a_side_that_is_free_costs_nothing() -> None:
    truth = np.array([[0.9, 0.9], [0.4, 0.6]])
    costs = axis_costs(truth, Axis("gaps", [0, 1], {0: [True, False], 1: [False, True]}))
    assert costs == {0: pytest.approx(0), 1: pytest.approx(0.2)}


def test_other_assumptions_may_be_right_while_one_is_wrong() -> None:
    # Programs for (a, x), (a, y), (b, x), (b, y) on a variant (a, x): the best that is wrong about
    # the first axis is the one that is right about the second.
    truth = np.array([[0.9, 0.1, 0.7, 0.0]])
    costs = axis_costs(truth, Axis("first", ["a"], {"a": [True, True, False, False]}))
    assert costs == {"a": pytest.approx(0.2)}


def test_a_side_without_a_program_has_no_cost() -> None:
    axis = Axis("shape", [1, 2], {1: [True, None], 2: [False, None]})
    assert axis_costs(np.ones((2, 2)), axis) == {1: None, 2: None}


def test_rank_correlation() -> None:
    assert spearman([0, 1, 2, 3], [5, 6, 60, 61]) == pytest.approx(1)
    assert spearman([0, 1, 2, 3, 4], [0, 2, 1, 3, 4]) == pytest.approx(0.9)
    assert spearman([0, 1, 2], [7, 7, 7]) == 0
    assert spearman([1, 2, 3, 4], [1, 1, 0, 0]) == pytest.approx(-0.894, abs=1e-3)

"""Formulas beside other implementations, and intervals beside what they promise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import permutation_test
from statsmodels.api import GLM, families
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from mle_gym.evaluation import statistics
from mle_gym.evaluation.strengths import bradley_terry


def test_the_best_of_k_is_the_mean_over_all_subsets() -> None:
    values = [0.3, 0.9, 0.1, 0.5, 0.5]
    for k in range(1, 6):
        subsets = [max(each) for each in itertools.combinations(values, k)]
        assert statistics.best_at_k(values, k) == pytest.approx(np.mean(subsets))
    assert statistics.best_at_k(values, 6) is None


@pytest.mark.parametrize("hits", [0, 1, 3, 5])
def test_pass_at_k_is_the_share_of_subsets_with_a_hit(hits: int) -> None:
    outcomes = [True] * hits + [False] * (5 - hits)
    for k in range(1, 6):
        share = np.mean([any(each) for each in itertools.combinations(outcomes, k)])
        assert statistics.pass_at_k(hits, 5, k) == pytest.approx(share)


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_statsmodels(seed: int) -> None:
    p = np.random.default_rng(seed).uniform(size=7) ** 3
    assert statistics.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert statistics.holm([]) == []


def test_strengths_are_those_of_a_logistic_regression() -> None:
    wins = {("a", "b"): 7.5, ("b", "a"): 2.5, ("b", "c"): 6.0, ("c", "b"): 4.0, ("a", "c"): 10.0}
    found = bradley_terry(wins)
    outcomes = np.array([[8.0, 3.0], [10.5, 0.5], [6.5, 4.5]])  # half a win added to each side
    design = np.array([[1.0, -1.0], [2.0, 1.0], [1.0, 2.0]])  # strengths sum to 0
    fit = GLM(outcomes, design, family=families.Binomial()).fit()
    assert [found["a"].value, found["b"].value] == pytest.approx(list(fit.params))
    assert [found["a"].error, found["b"].error] == pytest.approx(list(fit.bse), rel=1e-4)
    assert sum(each.value for each in found.values()) == pytest.approx(0)


def test_one_who_always_wins_is_finitely_strong() -> None:
    found = bradley_terry({("a", "b"): 5.0})
    assert 0 < found["a"].value < 10
    assert math.isfinite(found["a"].error)


def test_few_pairs_are_tested_exactly() -> None:
    rng = np.random.default_rng(0)
    assert statistics.paired_test([0.1, 0.2, 0.3, 0.2, 0.1], rng) == pytest.approx(2 / 32)
    assert statistics.paired_test([0.0, 0.0], rng) == 1.0
    assert statistics.paired_test([0.7], rng) == 1.0


def test_many_pairs_are_tested_as_scipy_tests_them() -> None:
    differences = np.random.default_rng(3).normal(0.2, 1.0, size=60)
    found = statistics.paired_test(differences, np.random.default_rng(0))
    expected = permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=20_000,
        rng=np.random.default_rng(1),
    ).pvalue  # fmt: skip
    assert found == pytest.approx(expected, abs=0.015)


def test_improvement_counts_ties_half() -> None:
    ours = [np.array([1.0, 2.0]), np.array([0.0])]
    theirs = [np.array([1.0, 0.0]), np.array([1.0])]
    assert statistics.probability_of_improvement(ours, theirs) == pytest.approx((3.5 / 4 + 0) / 2)


def test_a_share_of_none_is_not_certain() -> None:
    found = statistics.proportion([[0]] * 10)
    assert found.value == 0
    assert found.low == pytest.approx(0, abs=1e-12)
    assert found.high is not None
    assert 0.2 < found.high < 0.3
    assert statistics.proportion([[0] * 50] * 10) == found  # seeds of a variant are no trials


def test_a_share_of_one_variant_is_wilsons_over_its_seeds() -> None:
    found = statistics.proportion([[1, 1, 0, 1, 0]])
    expected = proportion_confint(3, 5, method="wilson")
    assert (found.low, found.high) == pytest.approx(expected)


def test_a_share_of_nothing_is_no_number() -> None:
    assert math.isnan(statistics.proportion([]).value)


def test_the_area_under_a_profile_of_the_best_is_one() -> None:
    ratios = np.linspace(1, 4, 31)
    shares = statistics.ratio_profile(
        {"best": np.array([0.8, 1.0]), "half": np.array([0.4, 0.5]), "none": np.zeros(2)}, ratios
    )
    area = {name: statistics.area_under_profile(each, ratios) for name, each in shares.items()}
    assert area["best"] == pytest.approx(1)
    assert area["half"] == pytest.approx(2 / 3, abs=0.02)
    assert area["none"] == 0


def test_the_front_leaves_out_what_is_dearer_and_no_better() -> None:
    points = {"a": (1.0, 0.5), "b": (2.0, 0.5), "c": (3.0, 0.9), "d": (1.0, 0.4)}
    assert statistics.front(points) == ["a", "c"]


# --------------------------------------------------------------------------------- what they cover

TRUTH = 0.6
TRIES = 600


def covered(variants: int, seeds: int, *, of_variant: float, of_seed: float) -> float:
    """How often the interval holds the truth, where variants and seeds vary as said."""
    rng = np.random.default_rng(variants * 10 + seeds)
    hits = 0
    for _ in range(TRIES):
        means = TRUTH + of_variant * rng.normal(size=variants)
        clusters = [mean + of_seed * rng.normal(size=seeds) for mean in means]
        found = statistics.mean_interval(clusters, [of_variant] * seeds)
        assert found.low is not None and found.high is not None  # noqa: PT018
        hits += found.low <= TRUTH <= found.high
    return hits / TRIES


@pytest.mark.parametrize(
    ("variants", "seeds", "of_variant", "of_seed"),
    [(1, 3, 0.05, 0.05), (1, 5, 0.1, 0.02), (3, 1, 0.1, 0.1), (3, 3, 0.1, 0.1), (8, 2, 0.0, 0.1)],
)
def test_an_interval_of_95_percent_covers_the_truth_as_often(
    variants: int, seeds: int, of_variant: float, of_seed: float
) -> None:
    """Within three standard errors of a share of 600. With one variant it may err to the wide."""
    share = covered(variants, seeds, of_variant=of_variant, of_seed=of_seed)
    assert share >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / TRIES)
    if variants > 1:
        assert share <= 0.95 + 3 * math.sqrt(0.95 * 0.05 / TRIES)


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.95])
@pytest.mark.parametrize(("variants", "seeds", "chance"), [(8, 10, 0.3), (20, 5, 0.1), (5, 3, 0.5)])
def test_a_share_covers_the_truth_however_alike_a_variants_seeds_are(
    variants: int, seeds: int, chance: float, alike: float
) -> None:
    """Shares of variants are drawn from a beta distribution with this correlation of seeds.

    Hits are whole numbers, so no interval of a share can cover exactly 95%: 90% is asked for, and
    what counts seeds as trials has 50% where they are most alike.
    """
    rng = np.random.default_rng(round(100 * alike) + variants)
    total = max(1 / alike - 1, 1e-3) if alike else 1e6
    hits = 0
    for _ in range(TRIES):
        shares = rng.beta(chance * total, (1 - chance) * total, size=variants)
        clusters = [rng.binomial(1, each, size=seeds) for each in shares]
        found = statistics.proportion(clusters)
        assert found.low is not None and found.high is not None  # noqa: PT018
        hits += found.low <= chance <= found.high
    assert hits / TRIES >= 0.9


def test_a_single_value_without_rows_has_no_interval() -> None:
    assert statistics.mean_interval([[0.5]]) == statistics.Estimate(0.5)


def test_equal_seeds_of_one_variant_do_not_make_a_mean_certain() -> None:
    rng = np.random.default_rng(0)
    tasks = [[[0.7, 0.7, 0.7]], [[0.5, 0.5, 0.5]]]
    means = [lambda x: np.mean(x, axis=-1)]
    (alone,) = statistics.bootstrap(tasks, means, rng)
    assert alone.low == alone.high == pytest.approx(0.6)
    (found,) = statistics.bootstrap(tasks, means, rng, [0.1, 0.1])
    assert found.low is not None and found.high is not None  # noqa: PT018
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.1 / math.sqrt(2), rel=0.15)


def test_an_interval_ends_where_the_figure_can_not_lie() -> None:
    found = statistics.mean_interval([[0.9], [0.5]]).within(0, 1)
    assert (found.low, found.high) == (0, 1)
    assert statistics.Estimate(0.5).within(0, 1) == statistics.Estimate(0.5)


def test_a_bootstrap_over_tasks_covers_the_truth_nearly_as_often() -> None:
    rng = np.random.default_rng(1)
    truth = np.linspace(0.2, 0.9, 12)
    hits = 0
    for _ in range(200):
        tasks = [[[mean + 0.1 * rng.normal()] for _ in range(5)] for mean in truth]
        (found,) = statistics.bootstrap(tasks, [lambda x: np.mean(x, axis=-1)], rng, draws=300)
        assert found.low is not None and found.high is not None  # noqa: PT018
        hits += found.low <= truth.mean() <= found.high
    assert 0.86 <= hits / 200 <= 0.99

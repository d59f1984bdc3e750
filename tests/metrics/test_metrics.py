"""Values of metrics: by hand, or against another implementation."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mle_gym.errors import SubmissionError, TaskError
from mle_gym.metrics import METRICS, get_metric
from tests.tiers import example_count


def table(*columns: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {
            f"c{at}": pd.Series(column, dtype=object if isinstance(column[0], str) else None)
            for at, column in enumerate(columns)
        }
    )


def score(name: str, truth: Any, predicted: Any, **params: Any) -> float:
    """Score one column, or several if the first value is a list."""
    several = isinstance(truth[0], list)
    first, second = (truth, predicted) if several else ([truth], [predicted])
    return get_metric(name)(table(*first), table(*second), **params)


BY_HAND: list[tuple[str, Any, Any, dict[str, Any], float]] = [
    ("accuracy", [1, 0, 1, 1], [1, 1, 1, 0], {}, 0.5),
    ("accuracy", ["NA", "", "x"], ["NA", "NA", "x"], {}, 2 / 3),
    ("balanced_accuracy", [1, 1, 1, 0], [1, 1, 1, 1], {}, 0.5),
    ("f1", [1, 1, 0, 0], [1, 0, 1, 0], {}, 0.5),
    ("f1", ["y", "y", "n", "n"], ["y", "y", "y", "n"], {"positive": "y"}, 0.8),
    ("f1_macro", [0, 0, 1, 1], [0, 0, 0, 1], {}, (0.8 + 2 / 3) / 2),
    ("f1_micro", [0, 1, 2, 2], [0, 1, 1, 1], {}, 0.5),
    ("f1_weighted", [0, 0, 0, 1], [0, 0, 0, 0], {}, 0.75 * 6 / 7),
    ("f_beta", [1, 1, 1, 0], [1, 0, 0, 0], {"beta": 2.0}, 5 / 13),
    ("kappa", [0, 0, 1, 1], [0, 1, 1, 1], {}, 0.5),
    ("linear_kappa", [0, 1, 2], [0, 1, 1], {}, 1 - (1 / 3) / (7 / 9)),
    ("quadratic_kappa", [0, 1, 2], [0, 1, 1], {}, 1 - (1 / 3) / 1.0),
    ("quadratic_kappa", ["low", "mid", "high"], ["low", "mid", "mid"],
     {"labels": ["low", "mid", "high"]}, 1 - (1 / 3) / 1.0),
    ("matthews", [1, 1, 0, 0], [1, 0, 0, 0], {}, 1 / math.sqrt(3)),
    ("roc_auc", [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], {}, 0.75),
    ("roc_auc", [0, 1], [0.5, 0.5], {}, 0.5),
    ("roc_auc_columns", [[0, 1], [1, 0]], [[0.2, 0.9], [0.1, 0.3]], {}, 0.5),
    ("roc_auc_macro", [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
     [[0.9, 0.1, 0.1], [0.1, 0.2, 0.8], [0.0, 0.7, 0.1]], {}, (1 + 0.5 + 0.5) / 3),
    ("average_precision", [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], {}, 0.5 + 0.5 * 2 / 3),
    ("log_loss", [1, 0], [0.8, 0.4], {}, -(math.log(0.8) + math.log(0.6)) / 2),
    ("log_loss", [1, 0], [0.0, 0.0], {}, -math.log(np.finfo(float).eps) / 2),
    ("log_loss", [[1, 0], [0, 1], [0, 0]], [[0.7, 0.2], [0.2, 0.5], [0.1, 0.3]], {},
     -(math.log(0.7) + math.log(0.5)) / 2),
    ("log_loss", [[1], [0]], [[0.6], [0.6]], {}, math.log(2)),  # divided by the row's sum
    ("brier", [1, 0], [0.8, 0.4], {}, (0.04 + 0.16) / 2),
    ("brier", [0, 0], [0.8, 0.4], {}, (0.64 + 0.16) / 2),
    ("rmse", [1.0, 2.0], [1.0, 4.0], {}, math.sqrt(2)),
    ("mse", [1.0, 2.0], [1.0, 4.0], {}, 2.0),
    ("mae", [1.0, 2.0], [1.0, 4.0], {}, 1.0),
    ("mcrmse", [[0.0, 0.0], [0.0, 0.0]], [[1.0, 1.0], [3.0, 3.0]], {}, 2.0),
    ("rmsle", [math.e - 1, 0.0], [0.0, 0.0], {}, math.sqrt(0.5)),
    ("mcrmsle", [[0.0], [0.0]], [[math.e - 1], [0.0]], {}, 0.5),
    ("mape", [2.0, 4.0], [1.0, 5.0], {}, 0.375),
    ("wape", [2.0, 0.0, -1.0], [1.0, 0.5, 1.0], {}, 3.5 / 3),
    ("smape", [2.0, 0.0, 1.0], [1.0, 0.0, -1.0], {}, (200 / 3 + 0 + 200) / 3),
    ("r2", [1.0, 2.0, 3.0], [1.0, 2.0, 4.0], {}, 0.5),
    ("pinball", [1.0, 1.0], [0.0, 2.0], {"alpha": 0.9}, 0.5),
    ("pearson", [1.0, 2.0, 3.0], [1.0, 3.0, 2.0], {}, 0.5),
    ("spearman", [1.0, 2.0, 3.0], [1.0, 100.0, 99.0], {}, 0.5),
    ("qini", [5.0, -1.0, 2.0], [0.3, 0.1, 0.2], {}, 1.0),
    ("qini", [5.0, -1.0, 2.0], [2.0, 1.0, 3.0], {}, 3.0 / 6.0),
    ("qini", [5.0, -1.0, 2.0], [7.0, 7.0, 7.0], {}, 0.0),
    ("qini", [3.0, 3.0], [1.0, 0.0], {}, 0.0),
    ("qini", [5.0, -1.0, 2.0], [1.0, 3.0, 2.0], {}, -1.0),
    ("map_at_k", ["a b"], ["b x a"], {"k": 3}, (1 + 2 / 3) / 2),
    ("map_at_k", ["a b", "c"], ["a a b", "x c"], {"k": 3}, ((1 + 2 / 3) / 2 + 0.5) / 2),
    ("map_at_k", ["a b c"], ["a b c"], {"k": 2}, 1.0),
    ("map_at_k", ["", ""], ["", "a"], {"k": 2}, 0.5),
    ("ndcg_at_k", ["a b"], ["x a"], {"k": 2}, (1 / math.log2(3)) / (1 + 1 / math.log2(3))),
    ("ndcg_at_k", ["a"], ["x y a"], {"k": 2}, 0.0),
    ("precision_at_k", ["a b c"], ["a x b c"], {"k": 3}, 2 / 3),
    ("precision_at_k", ["a"], ["a"], {"k": 4}, 0.25),
    ("recall_at_k", ["a b c d"], ["a x b c"], {"k": 3}, 0.5),
    ("dice", ["1 4"], ["3 4"], {}, 0.5),
    ("iou", ["1 4"], ["3 4"], {}, 1 / 3),
    ("iou", ["", "", "1 1"], ["", "5 2", ""], {}, 1 / 3),
    ("dice", ["1 2 5 2"], ["2 4"], {"pixels": 6}, 2 * 2 / 8),
    ("iou", ["1 900000000000000"], ["1 450000000000000"], {}, 0.5),
    ("levenshtein", ["kitten", "", "abc"], ["sitting", "ab", "abc"], {}, 5 / 3),
    ("hypervolume", [[0, 0], [0, 0]], [[3.0, 1.0], [1.0, 3.0]],
     {"reference": [0, 0], "goal": "maximize"}, 5.0),
    ("hypervolume", [[0, 0, 0], [0, 0, 0]], [[1.0, 2.0, 9.0], [2.0, 1.0, 0.0]],
     {"reference": [3, 3], "goal": "minimize"}, 3.0),
    ("hypervolume", [[0], [0]], [[0.0], [5.0]], {"reference": [0, 0], "goal": "maximize"}, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "truth", "predicted", "params", "expected"), BY_HAND)
def test_known_values(
    name: str, truth: Any, predicted: Any, params: dict[str, Any], expected: float
) -> None:
    assert score(name, truth, predicted, **params) == pytest.approx(expected, abs=1e-12)


def test_every_metric_has_a_known_value() -> None:
    assert {case[0] for case in BY_HAND} == set(METRICS)


LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=60)


@settings(max_examples=example_count(30), deadline=None)
@given(LABELS)
def test_label_metrics_are_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = map(list, zip(*pairs, strict=True))
    expected = {
        "accuracy": reference.accuracy_score(truth, predicted),
        **{
            f"f1_{average}": reference.f1_score(truth, predicted, average=average, zero_division=0)
            for average in ("macro", "micro", "weighted")
        },
        "balanced_accuracy": reference.recall_score(
            truth, predicted, labels=sorted(set(truth)), average="macro", zero_division=0
        ),
    }
    if len(set(truth + predicted)) > 1:
        expected["matthews"] = reference.matthews_corrcoef(truth, predicted)
        expected["kappa"] = reference.cohen_kappa_score(truth, predicted)
        span = list(range(min(truth + predicted), max(truth + predicted) + 1))
        for weights in ("linear", "quadratic"):
            expected[f"{weights}_kappa"] = reference.cohen_kappa_score(
                truth, predicted, labels=span, weights=weights
            )
    for name, value in expected.items():
        assert score(name, truth, predicted) == pytest.approx(value, abs=1e-12), name


@settings(max_examples=example_count(60), deadline=None)
@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=40))
def test_correlations_are_scipys(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = (list(map(float, side)) for side in zip(*pairs, strict=True))
    if len(set(truth)) == 1 or len(set(predicted)) == 1:
        expected = 0.0, 0.0
    else:
        expected = (
            float(stats.pearsonr(truth, predicted)[0]),
            float(stats.spearmanr(truth, predicted)[0]),
        )
    found = score("pearson", truth, predicted), score("spearman", truth, predicted)
    assert found == pytest.approx(expected, abs=1e-9)


def test_qini_is_the_area_under_the_curve_of_summed_effects() -> None:
    rng = np.random.default_rng(0)
    effects, predicted = rng.normal(1.0, 3.0, 50), rng.normal(size=50)

    def area(order: Any) -> float:
        curve = np.concatenate([[0.0], np.cumsum(effects[np.argsort(-order)])])
        line = np.linspace(0.0, effects.sum(), 51)
        return float((curve - line).sum())

    expected = area(predicted) / area(effects)
    assert score("qini", list(effects), list(predicted)) == pytest.approx(expected)


@settings(max_examples=example_count(60), deadline=None)
@given(st.sets(st.integers(0, 9), min_size=1), st.permutations(range(10)), st.integers(1, 10))
def test_ndcg_is_scikit_learns(relevant: set[int], ranked: list[int], k: int) -> None:
    gains = [[1 if label in relevant else 0 for label in range(10)]]
    scores = [[-ranked.index(label) for label in range(10)]]
    cells = " ".join(map(str, relevant)), " ".join(map(str, ranked))
    expected = reference.ndcg_score(gains, scores, k=k)
    assert score("ndcg_at_k", [cells[0]], [cells[1]], k=k) == pytest.approx(expected)


def slow_distance(first: str, second: str) -> int:
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        above, row[0] = row[0], i
        for j, b in enumerate(second, start=1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


WORDS = st.text(alphabet="abé😀", max_size=90)


@settings(max_examples=example_count(200), deadline=None)
@given(WORDS, WORDS)
def test_levenshtein_is_the_textbooks(first: str, second: str) -> None:
    assert score("levenshtein", [first], [second]) == slow_distance(first, second)


def runs(pixels: list[bool]) -> str:
    padded = np.diff(np.array([False, *pixels, False]).astype(int))
    starts, ends = np.flatnonzero(padded == 1) + 1, np.flatnonzero(padded == -1) + 1
    return " ".join(f"{a} {b - a}" for a, b in zip(starts, ends, strict=True))


PIXELS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@settings(max_examples=example_count(100), deadline=None)
@given(PIXELS)
def test_masks_overlap_as_drawn_ones_do(pixels: list[tuple[bool, bool]]) -> None:
    first, second = (list(side) for side in zip(*pixels, strict=True))
    both = sum(a and b for a, b in pixels)
    total = sum(first) + sum(second)
    cells = runs(first), runs(second)
    expected = 2 * both / total if total else 1.0
    assert score("dice", [cells[0]], [cells[1]], pixels=len(pixels)) == pytest.approx(expected)
    expected = both / (total - both) if total else 1.0
    assert score("iou", [cells[0]], [cells[1]]) == pytest.approx(expected)


@settings(max_examples=example_count(50), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=12))
def test_hypervolume_counts_the_dominated_cells(points: list[tuple[int, int]]) -> None:
    expected = len({(i, j) for x, y in points for i in range(x) for j in range(y)})
    columns = [list(map(float, side)) for side in zip(*points, strict=True)]
    found = score("hypervolume", columns, columns, reference=[0, 0], goal="maximize")
    assert found == pytest.approx(expected)
    mirrored = [[-value for value in column] for column in columns]
    found = score("hypervolume", mirrored, mirrored, reference=[0, 0], goal="minimize")
    assert found == pytest.approx(expected)


PERFECT: dict[str, tuple[Any, dict[str, Any]]] = {
    "label": ([1, 0, 1, 2, 0], {}),
    "probability": ([1, 0, 1, 1, 0], {}),
    "number": ([1.0, 5.5, 2.0, 3.0], {}),
    "text": (["a", "", "NA"], {}),
    "ranking": (["a b", "", "c d"], {"k": 2}),
    "mask": (["1 3", "", "2 2 7 1"], {}),
}
SEVERAL = {"roc_auc_columns", "roc_auc_macro", "log_loss", "mcrmse", "mcrmsle"}


@pytest.mark.parametrize("name", sorted(set(METRICS) - {"hypervolume"}))
def test_a_perfect_prediction_reaches_the_best_score(name: str) -> None:
    metric = METRICS[name]
    truth, params = PERFECT[metric.kind]
    columns: Any = [truth, [1 - v for v in truth]] if name in SEVERAL else truth
    params = {**params, **({"beta": 0.5} if name == "f_beta" else {})}
    if name in ("mcrmsle",):
        columns = [truth, truth]
    if name in ("f1", "f_beta"):
        columns = [1, 0, 1, 1, 0]
    if name in ("recall_at_k", "precision_at_k"):
        columns = ["a b", "", "c d"]
    assert score(name, columns, columns, **params) == pytest.approx(metric.best, abs=1e-9)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_declarations_are_complete(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name
    assert metric.title[0].isupper()
    assert len(metric.description) > 40
    assert (metric.best > metric.worst) == metric.higher_is_better


@pytest.mark.parametrize(
    "name", ["rmse", "mse", "mae", "rmsle", "mape", "smape", "wape", "pinball"]
)
def test_a_larger_error_is_a_larger_loss(name: str) -> None:
    truth = np.array([1.0, 2.0, 5.0])
    losses = [score(name, truth, truth + shift) for shift in (0.0, 0.5, 1.0, 2.0)]
    assert losses == sorted(losses)
    assert losses[0] < losses[1] < losses[3]


@pytest.mark.parametrize("name", ["accuracy", "f1", "f1_macro", "kappa", "quadratic_kappa"])
def test_each_wrong_label_costs(name: str) -> None:
    truth = [1, 0] * 10
    scores = [score(name, truth, [1 - v for v in truth[:n]] + truth[n:]) for n in range(0, 20, 4)]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)


def test_weighted_kappa_keeps_its_distances_when_a_rating_is_absent() -> None:
    truth, predicted = [1, 1, 2, 4, 4], [1, 2, 2, 4, 1]
    expected = reference.cohen_kappa_score(
        truth, predicted, labels=[1, 2, 3, 4], weights="quadratic"
    )
    assert score("quadratic_kappa", truth, predicted) == pytest.approx(expected)


def test_columns_are_matched_by_name() -> None:
    truth = pd.DataFrame({"a": [1, 0, 0], "b": [0, 1, 1]})
    predicted = pd.DataFrame({"b": [0.1, 0.8, 0.6], "a": [0.9, 0.2, 0.4]})
    metric = get_metric("roc_auc_macro")
    assert metric(truth, predicted) == metric(truth, predicted[["a", "b"]]) == 1.0


@pytest.mark.parametrize(
    ("name", "truth", "predicted", "expected"),
    [
        ("roc_auc", [1, 1], [0.2, 0.9], 0.5),
        ("roc_auc_columns", [[1, 1], [1, 0]], [[0.2, 0.9], [0.9, 0.2]], 1.0),
        ("roc_auc_columns", [[1, 1], [0, 0]], [[0.2, 0.9], [0.9, 0.2]], 0.5),
        ("average_precision", [0, 0], [0.2, 0.9], 0.0),
        ("balanced_accuracy", [1, 1], [1, 7], 0.5),
        ("f1", [0, 0], [0, 0], 0.0),
        ("kappa", [1, 1], [1, 1], 0.0),
        ("quadratic_kappa", [1, 1], [1, 1], 0.0),
        ("quadratic_kappa", [1, 1], [1, 2], 0.0),
        ("matthews", [1, 1], [1, 0], 0.0),
        ("r2", [2.0, 2.0], [2.0, 2.0], 1.0),
        ("r2", [2.0, 2.0], [2.0, 3.0], 0.0),
        ("r2", [2.0], [3.0], 0.0),
        ("pearson", [2.0, 2.0], [1.0, 3.0], 0.0),
        ("pearson", [1.0, 3.0], [2.0, 2.0], 0.0),
        ("spearman", [1.0], [2.0], 0.0),
        ("pearson", [0.1, 0.1, 0.1], [1.0, 2.0, 3.0], 0.0),
        ("pearson", [1e-200, 2e-200, 3e-200], [1e200, 2e200, 3e200], 1.0),
        ("smape", [0.0], [0.0], 0.0),
        ("smape", [1.0], [1.7e308], 200.0),
        ("log_loss", [1, 1], [0.5, 0.5], math.log(2)),
    ],
)
def test_degenerate_truth_has_a_declared_score(
    name: str, truth: Any, predicted: Any, expected: float
) -> None:
    assert score(name, truth, predicted) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "truth", "predicted", "params", "code", "message"),
    [
        ("rmse", [1.0], [1e300], {}, "score_not_finite", "rmse of these predictions is inf"),
        ("r2", [1.0, 2.0], [1e300, 1e300], {}, "score_not_finite", "is -inf"),
        (
            "rmsle",
            [1.0],
            [-0.5],
            {},
            "out_of_range",
            "-0.5 in row 1; expected no value below 0",
        ),
        (
            "brier",
            [1],
            [1.5],
            {},
            "out_of_range",
            "1.5 in row 1; expected a prob",
        ),
        ("log_loss", [1], [-0.5], {}, "out_of_range", "found -0.5 in row 1;"),
        (
            "log_loss",
            [[1], [0]],
            [[0.0], [0.0]],
            {},
            "sum_not_one",
            "zeros in row 1; .* sum to 1",
        ),
        (
            "quadratic_kappa",
            [1],
            [3],
            {"labels": [1, 2]},
            "value_not_allowed",
            "found 3 in row 1",
        ),
        ("quadratic_kappa", [1, 1], [1, 5000], {}, "out_of_range", "from 1 to 5000"),
        ("quadratic_kappa", [1, 1], [5000, 5000], {}, "out_of_range", "away from the real"),
        ("matthews", [0] * 1001, list(range(1001)), {}, "too_many_labels", "1,001 distinct"),
        ("kappa", [0] * 1001, list(range(1001)), {}, "too_many_labels", "1,001 distinct"),
        ("levenshtein", ["a"], ["b" * 20_001], {}, "value_too_long", "20,001 characters"),
        (
            "dice",
            ["1 1"],
            ["1"],
            {},
            "malformed_mask",
            "1 numbers in .* expected pairs",
        ),
        ("dice", ["1 1"], ["1 x"], {}, "malformed_mask", "found 'x' in .*whole number"),
        ("dice", ["1 1"], ["1 -2"], {}, "malformed_mask", "found '-2'"),
        ("dice", ["1 1"], ["1 1.5"], {}, "malformed_mask", "found '1.5'"),
        ("dice", ["1 1"], ["0 1"], {}, "malformed_mask", "found 0 in .* at least 1"),
        ("dice", ["1 1"], ["1 0"], {}, "malformed_mask", "found 0 in .* at least 1"),
        ("dice", ["1 1"], ["5 2 1 2"], {}, "malformed_mask", "found 1 in .* a start of at least 7"),
        ("iou", ["1 1"], ["1 3 3 2"], {}, "malformed_mask", "found 3 in .* a start of at least 4"),
        ("iou", ["1 1"], ["1 " + "9" * 16], {}, "malformed_mask", "at most 15 digits"),
        ("iou", ["1 1"], ["8 4"], {"pixels": 10}, "malformed_mask", "found 11 in .* after 10"),
    ],
)
def test_predictions_that_cannot_be_scored_are_refused(
    name: str, truth: Any, predicted: Any, params: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(SubmissionError, match=message) as caught:
        score(name, truth, predicted, **params)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "truth", "predicted", "params", "message"),
    [
        ("accuracy", [1], [1], {"average": "macro"}, "unknown parameter 'average'; allowed: none"),
        ("f_beta", [1], [1], {"betta": 1.0}, r"'betta' \(did you mean 'beta'\?\); allowed: beta"),
        ("f_beta", [1], [1], {}, "requires the parameter 'beta': a number above 0"),
        ("f_beta", [1], [1], {"beta": -1.0}, "'beta': expected a number above 0, found -1.0"),
        ("f_beta", [1], [1], {"beta": 1, "average": "mean"}, "'average': expected 'binary'"),
        ("f1", ["a"], ["a"], {}, "'positive': the labels are text, found 1"),
        ("f1", [1], [1], {"positive": "1"}, "'positive': the labels are numbers, found '1'"),
        ("f1_macro", [1], [1], {"labels": [1, 1]}, "'labels': expected a list of distinct"),
        ("f1_macro", [1], [1], {"labels": ["a"]}, "'labels': the labels are numbers"),
        ("pinball", [1.0], [1.0], {"alpha": 1}, "'alpha': expected a quantile"),
        ("map_at_k", ["a"], ["a"], {"k": 0}, "'k': expected an integer from 1 to 1000"),
        ("map_at_k", ["a"], ["a"], {}, "requires the parameter 'k'"),
        ("dice", ["1 1"], ["1 1"], {"pixels": 0}, "'pixels': expected the number of pixels"),
        ("dice", ["1 x"], ["1 1"], {}, "the answers contain a malformed mask"),
        ("hypervolume", [[1], [1]], [[1], [1]], {"reference": [1], "goal": "maximize"},
         "'reference': expected a list of two numbers"),
        ("quadratic_kappa", ["a"], ["a"], {}, "text labels require the parameter 'labels'"),
        ("quadratic_kappa", [7], [1], {"labels": [1, 2]}, "the parameter 'labels' lacks"),
        ("roc_auc", [0, 2], [0.5, 0.5], {}, "must be 0 or 1"),
        ("log_loss", [[1, 1], [1, 0]], [[0.5, 0.5], [0.5, 0.5]], {}, "exactly one class"),
        ("wape", [0.0, 0.0], [1.0, 0.0], {}, "undefined if all answers are 0"),
        ("mape", [0.0], [1.0], {}, "undefined if an answer is 0; use 'smape'"),
        ("rmsle", [-2.0], [1.0], {}, "answers must not be below 0"),
    ],
)  # fmt: skip
def test_what_the_task_got_wrong_is_a_task_error(
    name: str, truth: Any, predicted: Any, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(TaskError, match=message):
        score(name, truth, predicted, **params)


def test_a_metric_needs_as_many_answers_as_predictions() -> None:
    metric = get_metric("mae")
    with pytest.raises(TaskError, match="found 2 and 1"):
        metric(table([1.0, 2.0]), table([1.0]))
    with pytest.raises(TaskError, match="found 0 and 0"):
        metric(table([1.0])[:0], table([1.0])[:0])


def test_an_unknown_metric_is_reported_with_the_nearest() -> None:
    with pytest.raises(
        TaskError,
        match=r"unknown metric 'acuracy' \(did you mean 'accuracy' or 'balanced_accuracy'\?\)",
    ):
        get_metric("acuracy")


@pytest.mark.parametrize(
    ("name", "types", "message"),
    [
        ("accuracy", ["int", "int"], "expected 1 predicted column, found 2"),
        ("roc_auc_macro", ["probability"], "expected at least 2 predicted columns, found 1"),
        ("log_loss", ["int"], "columns of type float or probability, found 'int'"),
        ("dice", ["float"], "columns of type str, found 'float'"),
    ],
)
def test_columns_that_do_not_fit_a_metric(name: str, types: list[str], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        get_metric(name).check_columns(types)


@pytest.mark.parametrize("name", ["f1_macro", "balanced_accuracy", "kappa", "matthews"])
def test_wild_predictions_raise_no_warnings(name: str) -> None:
    truth, predicted = [0, 1] * 20, list(range(100, 140))
    assert score(name, truth, predicted) == pytest.approx(0.0, abs=1e-9)


def test_squares_of_large_integers_do_not_wrap_around() -> None:
    assert score("rmse", [0, 0], [2**62, 2**62]) == pytest.approx(2.0**62)


def test_a_long_text_is_compared_quickly() -> None:
    first, second = "ab" * 10_000, "ba" * 10_000
    assert score("levenshtein", [first], [second]) == 2


def test_importing_the_metrics_imports_nothing_heavy() -> None:
    program = (
        "import sys, mle_gym.metrics, mle_gym.grading.grade;"
        "print(sorted({'pandas', 'sklearn', 'scipy', 'pydantic'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"

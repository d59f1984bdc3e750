"""For each kind of metric, how to make a worse prediction from a better one.

A metric that isn't named here has no such notion for a single row, and some have it for two classes
or without ties only: ``COUNTEREXAMPLES`` in ``test_fuzz_scores.py`` show why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Case = tuple[list[Any], list[Any], list[Any], dict[str, Any]]
"""Truth, prediction, worse prediction (rows, or rows of columns), parameters."""

SIZES = st.integers(1, 7)
UNIT = st.floats(0, 1)
STEP = st.floats(1e-3, 1e6)


def column(draw: Draw, cells: st.SearchStrategy[Any], size: int) -> list[Any]:
    return draw(st.lists(cells, min_size=size, max_size=size))


def table(draw: Draw, cells: st.SearchStrategy[Any], size: int, width: int) -> list[list[Any]]:
    return [column(draw, cells, width) for _ in range(size)]


def changed(rows: list[Any], at: int, value: Any) -> list[Any]:
    return [*rows[:at], value, *rows[at + 1 :]]


def flipped(*labels: Any, **params: Any) -> Callable[[Draw], Case]:
    """A right label becomes a wrong one."""

    def make(draw: Draw) -> Case:
        size = draw(SIZES)
        truth = column(draw, st.sampled_from(labels), size)
        predicted = column(draw, st.sampled_from(labels), size)
        at = draw(st.integers(0, size - 1))
        predicted[at] = truth[at]
        wrong = draw(st.sampled_from([label for label in labels if label != truth[at]]))
        return truth, predicted, changed(predicted, at, wrong), params

    return make


def away(truth: Any, predicted: float, amount: float) -> float:
    """A probability that is further from what happened."""
    return predicted * (1 - amount) if truth else predicted + (1 - predicted) * amount


def doubted(draw: Draw) -> Case:
    """A probability moves away from the truth."""
    size = draw(SIZES)
    truth, predicted = column(draw, st.integers(0, 1), size), column(draw, UNIT, size)
    at = draw(st.integers(0, size - 1))
    worse = changed(predicted, at, away(truth[at], predicted[at], draw(UNIT)))
    return truth, predicted, worse, {}


def doubted_apart(draw: Draw) -> Case:
    """As ``doubted``, where no two rows have the same probability, before or after."""
    truth, predicted, worse, _ = doubted(draw)
    assume(len(set(predicted)) == len(set(worse)) == len(truth))
    return truth, predicted, worse, {}


def doubted_columns(draw: Draw) -> Case:
    """One of several probabilities that are questions of their own moves away from the truth."""
    size, width = draw(SIZES), draw(st.integers(2, 3))
    truth, predicted = (table(draw, cells, size, width) for cells in (st.integers(0, 1), UNIT))
    at, place = draw(st.integers(0, size - 1)), draw(st.integers(0, width - 1))
    value = away(truth[at][place], predicted[at][place], draw(UNIT))
    return truth, predicted, changed(predicted, at, changed(predicted[at], place, value)), {}


def doubted_classes(draw: Draw) -> Case:
    """The true class loses probability to another one."""
    size, width = draw(SIZES), draw(st.integers(2, 3))
    classes = column(draw, st.integers(0, width - 1), size)
    truth = [[int(place == true) for place in range(width)] for true in classes]
    weights = table(draw, st.integers(1, 20), size, width)
    predicted = [[weight / sum(row) for weight in row] for row in weights]
    at, row = draw(st.integers(0, size - 1)), draw(st.integers(1, width - 1))
    other, amount = (classes[at] + row) % width, predicted[at][classes[at]] * draw(UNIT)
    shares = list(predicted[at])
    shares[classes[at]] -= amount
    shares[other] += amount
    return truth, predicted, changed(predicted, at, shares), {}


def further(numbers: st.SearchStrategy[float], **params: Any) -> Callable[[Draw], Case]:
    """A number moves away from the truth, on the side where it is (up, if it is right)."""

    def make(draw: Draw) -> Case:
        size = draw(SIZES)
        truth, predicted = column(draw, numbers, size), column(draw, numbers, size)
        at = draw(st.integers(0, size - 1))
        return (
            truth,
            predicted,
            changed(predicted, at, moved(draw, truth[at], predicted[at])),
            params,
        )

    def moved(draw: Draw, true: float, guess: float) -> float:
        lowest = draw(numbers)
        return min(guess, lowest) if guess < true else guess + draw(STEP)

    return make


def further_columns(numbers: st.SearchStrategy[float]) -> Callable[[Draw], Case]:
    def make(draw: Draw) -> Case:
        truth, predicted, worse, _ = further(numbers)(draw)
        still = column(draw, numbers, len(truth))
        first, second, third = (
            [list(row) for row in zip(values, still, strict=True)]
            for values in (truth, predicted, worse)
        )
        return first, second, third, {}

    return make


def dropped(draw: Draw) -> Case:
    """A relevant label gives its rank to one that isn't, or a row that has none gets a label."""
    size, k = draw(SIZES), draw(st.integers(1, 5))
    relevant = column(draw, st.sets(st.sampled_from("abcde")), size)
    ranked = column(draw, st.lists(st.sampled_from("abcdexyz"), max_size=6), size)
    at = draw(st.integers(0, size - 1))
    hits = [rank for rank, label in enumerate(ranked[at]) if label in relevant[at]]
    if relevant[at]:
        assume(hits)
        rank = draw(st.sampled_from(hits))
        # All of that label: the second of two would count in place of the first.
        label = ranked[at][rank]
        worse = ["?" if other == label else other for other in ranked[at]]
    else:
        worse = [*ranked[at], "?"]
    cells = [" ".join(sorted(labels)) for labels in relevant]
    lists = [" ".join(labels) for labels in ranked]
    return cells, lists, changed(lists, at, " ".join(worse)), {"k": k}


def misdrawn(draw: Draw) -> Case:
    """A mask loses a pixel that is right, or gains one that is wrong."""
    size = draw(SIZES)
    truth, predicted = (column(draw, st.sets(st.integers(1, 12)), size) for _ in range(2))
    at, pixel = draw(st.integers(0, size - 1)), draw(st.integers(1, 12))
    worse = predicted[at] - {pixel} if pixel in truth[at] else predicted[at] | {pixel}
    encoded = ([runs(pixels) for pixels in masks] for masks in (truth, predicted))
    first, second = encoded
    return first, second, changed(second, at, runs(worse)), {}


def runs(pixels: set[int]) -> str:
    return " ".join(f"{pixel} 1" for pixel in sorted(pixels))


def lengthened(draw: Draw) -> Case:
    """A text gets a character that the true one does not have."""
    size = draw(SIZES)
    words = st.text("abc", max_size=5)
    truth, predicted = column(draw, words, size), column(draw, words, size)
    at = draw(st.integers(0, size - 1))
    place = draw(st.integers(0, len(predicted[at])))
    worse = predicted[at][:place] + "?" + predicted[at][place:]
    return truth, predicted, changed(predicted, at, worse), {}


def dominated(draw: Draw) -> Case:
    """A point gets worse in both objectives."""
    size = draw(SIZES)
    points = table(draw, st.floats(-9, 9), size, 2)
    at, less = draw(st.integers(0, size - 1)), draw(st.lists(UNIT, min_size=2, max_size=2))
    worse = [value - amount for value, amount in zip(points[at], less, strict=True)]
    params = {"reference": [0, 0], "goal": "maximize"}
    return points, points, changed(points, at, worse), params


ANY = st.floats(-1e6, 1e6)
POSITIVE = st.floats(1e-3, 1e6)
NOT_NEGATIVE = st.floats(0, 1e6)
THREE = flipped("a", "b", "c")

WORSE: dict[str, Callable[[Draw], Case]] = {
    "accuracy": THREE,
    "balanced_accuracy": THREE,
    "f1": flipped(0, 1),
    "f1_macro": THREE,
    "f1_micro": THREE,
    "f1_weighted": THREE,
    "f_beta": flipped(0, 1, beta=2.0),
    "kappa": flipped(0, 1),
    "matthews": flipped(0, 1),
    "roc_auc": doubted,
    "roc_auc_columns": doubted_columns,
    "roc_auc_macro": doubted_classes,
    "average_precision": doubted_apart,
    "log_loss": doubted_classes,
    "brier": doubted,
    "rmse": further(ANY),
    "mcrmse": further_columns(ANY),
    "mse": further(ANY),
    "mae": further(ANY),
    "rmsle": further(NOT_NEGATIVE),
    "mcrmsle": further_columns(NOT_NEGATIVE),
    "mape": further(POSITIVE),
    "wape": further(POSITIVE),
    "smape": further(ANY),
    "pinball": further(ANY, alpha=0.8),
    "r2": further(ANY),
    "map_at_k": dropped,
    "ndcg_at_k": dropped,
    "precision_at_k": dropped,
    "recall_at_k": dropped,
    "dice": misdrawn,
    "iou": misdrawn,
    "levenshtein": lengthened,
    "hypervolume": dominated,
}

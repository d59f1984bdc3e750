"""Metrics of run-length encoded masks: one text column with ``start length`` pairs.

Kaggle's encoding (kaggle.com/competitions/tgs-salt-identification-challenge): pixels are numbered
from 1, runs are sorted and don't overlap, and an empty cell is an empty mask. Whether pixels are
numbered by column or by row makes no difference here. Masks are compared as intervals and never
drawn, so even a run of 10^14 pixels is cheap.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from mle_gym.errors import TaskError
from mle_gym.metrics.metric import Array, Metric, Param, UnscorablePrediction
from mle_gym.text import show

__all__ = ["MASK_METRICS"]

MOST_DIGITS = 15
"""The most digits of a number in a mask, so that all sums fit into 64 bits."""


def dice(truth: Array, predicted: Array, *, pixels: int | None) -> float:
    """Mean over rows of the Dice coefficient 2 |A ∩ B| / (|A| + |B|).

    It is 1 if both masks are empty. L. R. Dice, "Measures of the amount of ecologic association
    between species", 1945. ``pixels`` is the size of an image, which no run may leave.
    """
    return _mean_over_rows(truth, predicted, pixels, lambda both, a, b: 2 * both / (a + b))


def iou(truth: Array, predicted: Array, *, pixels: int | None) -> float:
    """Mean over rows of the intersection over union (the Jaccard index).

    |A ∩ B| / (|A| + |B| - |A ∩ B|), and 1 if both masks are empty. ``pixels`` is the size of an
    image, which no run may leave.
    """
    return _mean_over_rows(truth, predicted, pixels, lambda both, a, b: both / (a + b - both))


def _mean_over_rows(
    truth: Array, predicted: Array, pixels: int | None, score: Callable[[int, int, int], float]
) -> float:
    """Mean of ``score(|A ∩ B|, |A|, |B|)``."""
    scores = np.ones(len(truth))
    for row, (answer, guess) in enumerate(zip(truth, predicted, strict=True)):
        first, second = _answer_runs(answer, pixels), _runs(guess, pixels)
        sizes = _size(first), _size(second)
        if sum(sizes):
            scores[row] = score(_overlap(first, second), *sizes)
    return float(scores.mean())


def _runs(cell: str, pixels: int | None, row: int = 0) -> Array:
    """The mask as an array (2, runs): each run's first pixel, and the pixel after its last.

    Raises:
        UnscorablePrediction: The cell, which is in ``row``, is not a mask.
    """
    malformed = partial(_malformed, cell, row)
    words = cell.split()
    # Checked as text first: int() accepts signs, underscores and any length.
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) <= MOST_DIGITS):
            raise malformed(f"whole numbers of at most {MOST_DIGITS} digits", show(word))
    if len(words) % 2:
        raise malformed("pairs 'start length'", f"{len(words)} numbers")
    numbers = np.array([int(word) for word in words], dtype=np.int64)
    starts, ends = numbers[::2], numbers[::2] + numbers[1::2]
    if (numbers == 0).any():
        raise malformed("starts and lengths of at least 1", "0")
    early = np.flatnonzero(starts[1:] < ends[:-1])
    if len(early):
        raise malformed(
            f"sorted runs that don't overlap, so a start of at least {ends[early[0]]}",
            f"{starts[early[0] + 1]}",
        )
    if pixels is not None and len(ends) and ends[-1] > pixels + 1:
        raise malformed(f"no pixel after {pixels}", f"{ends[-1] - 1}")
    return np.stack([starts, ends])


def _malformed(cell: str, row: int, expected: str, found: str) -> UnscorablePrediction:
    return UnscorablePrediction(
        "malformed_mask", f"{found} in the mask {show(cell)}", expected, row
    )


def _answer_runs(cell: str, pixels: int | None) -> Array:
    try:
        return _runs(cell, pixels)
    except UnscorablePrediction:
        raise TaskError("the answers contain a malformed mask") from None


def _size(runs: Array) -> int:
    return int((runs[1] - runs[0]).sum())


def _overlap(first: Array, second: Array) -> int:
    """How many pixels are in both masks."""
    if first.size == 0 or second.size == 0:
        return 0
    return int((_covered_before(second, first[1]) - _covered_before(second, first[0])).sum())


def _covered_before(runs: Array, pixels: Array) -> Array:
    """How many pixels of the mask come before each of ``pixels``."""
    starts, ends = runs
    before = np.concatenate([[0], np.cumsum(ends - starts)])
    last = np.searchsorted(starts, pixels, side="right")
    run = np.maximum(last - 1, 0)
    beyond = np.maximum(ends[run] - pixels, 0)
    return np.where(last > 0, before[last] - beyond, 0)


def _check(predicted: Array, *, pixels: int | None, **_: Any) -> None:
    for row, cell in enumerate(predicted):
        _runs(cell, pixels, row)


PIXELS = Param(
    "the number of pixels of an image",
    lambda value: value is None or (type(value) is int and 1 <= value < 10**MOST_DIGITS),
    None,
)


def _metric(name: str, title: str, function: Callable[..., float]) -> Metric:
    return Metric(
        name,
        title,
        True,
        1.0,
        0.0,
        "mask",
        function,
        params={"pixels": PIXELS},
        check_predicted=_check,
    )


MASK_METRICS = (
    _metric("dice", "Mean Dice coefficient", dice),
    _metric("iou", "Mean intersection over union", iou),
)

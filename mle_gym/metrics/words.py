"""Metrics of predicted text."""

from __future__ import annotations

import math

import numpy as np

from mle_gym.metrics.metric import Array, Metric, UnscorablePrediction

__all__ = ["TEXT_METRICS"]

LONGEST_TEXT = 20_000
"""The most characters of a predicted text, since the time to score it grows with its length."""


def levenshtein(truth: Array, predicted: Array) -> float:
    """Mean over rows of the Levenshtein distance, in characters.

    The fewest insertions, deletions and substitutions that turn one text into the other (V. I.
    Levenshtein, 1966; Kaggle's bms-molecular-translation), not normalized by length.
    """
    return float(np.mean([_distance(a, b) for a, b in zip(truth, predicted, strict=True)]))


def _distance(first: str, second: str) -> int:
    """The distance, bit-parallel: a step per character of the shorter text, a bit per the other's.

    H. Hyyrö, "Explaining and extending the bit-parallel approximate string matching algorithm of
    Myers", 2001. One metric wouldn't justify a compiled dependency (rapidfuzz) for everyone, and
    Python's long integers make the algorithm short.
    """
    short, long = sorted((first, second), key=len)
    if first == second or not short:
        return len(long) - len(short)
    places = _places(long, set(short))
    last, everywhere = 1 << (len(long) - 1), (1 << len(long)) - 1
    rising, falling, distance = everywhere, 0, len(long)
    for character in short:
        match = places.get(character, 0)
        diagonal = (((match & rising) + rising) ^ rising) | match | falling
        up = falling | (~(diagonal | rising) & everywhere)
        down = rising & diagonal
        distance += bool(up & last) - bool(down & last)
        up = (up << 1 | 1) & everywhere
        down = (down << 1) & everywhere
        rising = down | (~(diagonal | up) & everywhere)
        falling = up & diagonal
    return distance


def _places(text: str, characters: set[str]) -> dict[str, int]:
    """For each character that occurs, an integer whose bit i is set if it is at position i."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return {
        character: int.from_bytes(
            np.packbits(codes == ord(character), bitorder="little").tobytes(), "little"
        )
        for character in characters
        if character in text
    }


def _check(predicted: Array) -> None:
    row = max(range(len(predicted)), key=lambda row: len(predicted[row]))
    if len(predicted[row]) > LONGEST_TEXT:
        found = f"{len(predicted[row]):,} characters"
        raise UnscorablePrediction("value_too_long", found, f"at most {LONGEST_TEXT:,}", row)


TEXT_METRICS = (
    Metric(
        "levenshtein",
        "Mean Levenshtein distance",
        False,
        0.0,
        math.inf,
        "text",
        levenshtein,
        check_predicted=_check,
    ),
)

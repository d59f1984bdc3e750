"""What is left of a table when format, precision and order are taken away: sets of hashes.

Each kind is made of short windows, so that a part of a table has a part of its prints:

- ``rows``: neighbours among a row's distinct numbers, sorted. The order of rows and columns doesn't
  matter, and a column more or less changes little.
- ``runs``: numbers that follow each other in a column, or in a long row.
- ``words``: tokens that follow each other in a row, for tables of categories.
- ``texts``: words that follow each other in a cell, for names and sentences.

Hashes of tuples of floats are the same in every 64-bit CPython.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

KINDS = ("rows", "runs", "words", "texts")
ROWS, RUNS, WORDS, TEXTS = 3, 8, 12, 4
"""Lengths of the windows."""
LONGEST_ROW = 400
"""Distinct numbers in what may be a row; more of them are a column."""
TOKEN = re.compile(r"[A-Za-z_]\w*|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_TRUTH = {"true": 1.0, "false": 0.0}
_LARGEST = 1e300


class Keys(dict[str, Any]):
    """Token to what stands for it: a number to five significant digits, or a word's checksum.

    Words are negative integers below what any number of a table is, so that the kinds can tell.
    """

    def __missing__(self, token: str) -> Any:
        first = token[0]
        if first.isalpha() or first == "_":
            word = token.lower()
            key = _TRUTH.get(word, Word(zlib.crc32(word.encode("utf-8", "replace"))))
        else:
            key = number(float(token))
        self[token] = key
        return key


class Word(int):
    """The checksum of a word."""


def number(value: float) -> float:
    """What stands for a number: float32's rounding and other formats don't change it."""
    return float("%.4e" % value) if -_LARGEST < value < _LARGEST else 0.0


class Prints:
    """The hashes of one table, or of whatever one file holds."""

    def __init__(self) -> None:
        self.kinds: dict[str, set[int]] = {kind: set() for kind in KINDS}

    def add_row(self, numbers: Iterable[float]) -> None:
        """The numbers of one row, in any order."""
        distinct = sorted(set(numbers))
        if ROWS <= len(distinct) <= LONGEST_ROW:
            self.kinds["rows"].update(windows(distinct, ROWS))

    def add_run(self, numbers: Sequence[float]) -> None:
        """Numbers that stand one after the other."""
        self.kinds["runs"].update(windows(numbers, RUNS))

    def add_words(self, keys: Sequence[Any]) -> None:
        """All tokens of a row, or of a whole text."""
        self.kinds["words"].update(windows(keys, WORDS))

    def add_text(self, keys: Sequence[Any]) -> None:
        """The words of a cell, or of a whole text."""
        self.kinds["texts"].update(windows(keys, TEXTS))


def windows(keys: Sequence[Any], size: int) -> Iterable[int]:
    """The hash of every ``size`` keys that follow each other."""
    return map(hash, zip(*(keys[start:] for start in range(size))))


def is_telling(window: Sequence[float]) -> bool:
    """Whether a row's numbers are such that meeting them elsewhere is no accident."""
    return sum(value != int(value) or not 0 <= value <= 20 for value in window) >= ROWS - 1

"""Plays an adversary who knows everything of a task but its key, and must end at chance.

The adversary knows this code, the source table with its labels in their order, the class counts,
and what the public files show beside the features: ids and the order of rows. It guesses by each of
them, and by every split that a program with a guessable seed would have made. If rows are dealt by
chance, any guess and the truth are as independent as two shuffled decks, so each comparison has an
exact probability; all together, an honest task fails once in a million.
"""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom
from sklearn.model_selection import train_test_split

from mle_gym.datasets.splits import choose_test_rows

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.tasks.spec import TaskSpec

    Classes = NDArray[np.intp]
    Numbers = NDArray[Any]

__all__ = ["Part", "Source", "attack", "classes"]

CHANCE = 1e-6
"""How often an honest task may fail by chance, all guesses together."""
MOST_CLASSES = 20
"""A column with more distinct values is guessed by its quarters."""
SEEDS = (0, 1, 2, 3, 7, 10, 42, 100, 123, 1234, 1337, 2024, 2025, 2026)
"""What people seed generators with."""
MODULI = (2, 3, 5, 7, 10)


@dataclass(frozen=True)
class Part:
    """What is public of the rows of one file, and what has to stay unknown."""

    name: str
    ids: list[str]
    """In the order of the file."""
    secrets: dict[str, Classes]
    """The class of each row by what must not be told: a target, the place in the source table."""


@dataclass(frozen=True)
class Source:
    """The table that a dataset's rows come from, in the order that everybody knows."""

    task: TaskSpec
    variant: int
    table: pd.DataFrame
    labels: dict[str, Classes]
    """The class of each row of the table, by target."""


@dataclass(frozen=True)
class _Guess:
    by: str
    rows: Classes
    """Which rows of the part are guessed."""
    classes: Classes


def attack(parts: list[Part], source: Source | None, least: float = 0.0) -> tuple[str, str]:
    """The first guess that beats chance, in words (empty if there is none), and what was tried.

    Args:
        parts: Training rows, where their labels are known, and then the test rows.
        source: None where the adversary can know no source table.
        least: The fraction of a constant guess's mistakes that a guess has to avoid to count.
    """
    guesses = _guesses(parts, source)
    tried = []
    for part, secret, guess in guesses:
        truth = part.secrets[secret][guess.rows]
        weak = least and _mistakes_avoided(guess.classes, truth) < least
        chance = 1.0 if weak else _chance(guess.classes, truth)
        tried.append((chance, f"{guess.by} tells {secret} in {part.name}"))
    found = (
        f"{told} (by chance in {chance:.0e} of all cases)"
        for chance, told in tried
        if chance * len(tried) < CHANCE
    )
    return next(found, ""), f"{len(tried)} guesses"


def _guesses(parts: list[Part], source: Source | None) -> list[tuple[Part, str, _Guess]]:
    """Every guess at every secret; those by clues first, since they say more about the cause."""
    secrets = [(part, secret) for part in parts for secret in part.secrets]
    guesses = [(*each, guess) for each in secrets for guess in _by_clues(*each)]
    if source is None:
        return guesses
    splits = list(_known_splits(source, len(parts[-1].ids)))
    for part, secret in secrets:
        if secret in source.labels:
            asked, labels = part is parts[-1], source.labels[secret]
            known = [(by, test if asked else train) for by, (train, test) in splits]
            guesses += [(part, secret, guess) for guess in _by_source(part, labels, known)]
    return guesses


def classes(column: pd.Series[Any]) -> Classes:
    """What is guessed of a column: the value, or its quarter where there are many values."""
    values = column.to_numpy()
    if values.dtype == object:
        values = np.array([str(value) for value in values])
    ranks = np.unique(values, return_inverse=True)[1]
    return _bins(ranks, 4) if ranks.max(initial=0) >= MOST_CLASSES else ranks.astype(np.intp)


def _mistakes_avoided(guess: Classes, truth: Classes) -> float:
    """The share of a constant guess's mistakes that knowing ``guess`` avoids: 1 for all."""
    table = _crossed(guess, truth)
    mistakes = table.sum() - table.sum(axis=0).max()
    return 1 - float((table.sum() - table.max(axis=1).sum()) / mistakes) if mistakes else 0.0


def _chance(guess: Classes, truth: Classes) -> float:
    """How likely some class of the guess meets some class of the truth so often by chance.

    Fisher's exact test of every pair of classes; what a guess calls a class doesn't matter, so
    codes instead of labels hide nothing.
    """
    table = _crossed(guess, truth)
    rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    return min(1.0, float(hypergeom.sf(table - 1, table.sum(), rows, columns).min()) * table.size)


def _crossed(guess: Classes, truth: Classes) -> Classes:
    """How often each class of the guess meets each class of the truth."""
    (_, first), (_, second) = (np.unique(each, return_inverse=True) for each in (guess, truth))
    table = np.zeros((first.max(initial=0) + 1, second.max(initial=0) + 1), dtype=np.intp)
    np.add.at(table, (first, second), 1)
    return table


def _bins(values: Numbers, count: int) -> Classes:
    """The bin of each value by its rank, in bins of equal size, but equal values share a bin.

    If ties were broken by their place, the place would tell the bin.
    """
    return np.searchsorted(np.sort(values), values) * count // max(1, len(values))


def _by_clues(part: Part, secret: str) -> Iterator[_Guess]:
    """By ids and the order of rows: rows that are near by them may be alike."""
    truth = part.secrets[secret]
    everyone = np.arange(len(truth))
    for name, clue in _clues(part.ids).items():
        for count in (2, 8):
            yield _Guess(name, everyone, _bins(clue, count))
        order = np.argsort(clue, kind="stable")[: len(clue) // 2 * 2]
        yield _Guess(f"the row before by {name}", order[1::2], truth[order[::2]])
    numbers = _clues(part.ids)["the id"]
    for modulus in MODULI:
        yield _Guess(f"the id modulo {modulus}", everyone, numbers % modulus)


def _clues(ids: list[str]) -> dict[str, Numbers]:
    """What anybody can sort the rows of a file by."""
    digits = ["".join(filter(str.isdecimal, each))[:15] for each in ids]
    numbers = [int(each) for each in digits if each]
    if len(set(numbers)) < len(ids):
        numbers = np.unique(ids, return_inverse=True)[1].tolist()
    md5 = [int.from_bytes(hashlib.md5(i.encode(), usedforsecurity=False).digest()[:7]) for i in ids]
    return {
        "the id": np.array(numbers),
        "the place": np.arange(len(ids)),
        "the id's CRC-32": np.array([zlib.crc32(each.encode()) for each in ids]),
        "the id's MD5": np.array(md5),
    }


def _by_source(
    part: Part, labels: Classes, splits: list[tuple[str, Classes]]
) -> Iterator[_Guess]:  # fmt: skip
    """By the labels of the rows that a known split of the source table would put there."""
    everyone, by_id = np.arange(len(part.ids)), np.argsort(_clues(part.ids)["the id"])
    for name, split in splits:
        if len(split) != len(everyone):
            continue
        for rows in (split, np.sort(split)):
            yield _Guess(name, everyone, labels[rows])
            if not np.array_equal(by_id, everyone):
                yield _Guess(name, by_id, labels[rows])


def _known_splits(source: Source, size: int) -> Iterator[tuple[str, tuple[Classes, Classes]]]:
    """Train and test rows, in order, as splits without a secret make them."""
    rows = np.arange(len(source.table))
    yield "the order of the source", (rows[:-size], rows[-size:])
    yield "the order of the source", (rows[size:], rows[:size])
    task = source.task
    name = [zlib.crc32(task.id.encode()), zlib.crc32(b"split"), abs(2 * source.variant)]
    for seed in (*SEEDS, name):
        by = f"the seed {seed}"
        if isinstance(seed, int):
            for order in _shuffles(rows, seed):
                yield by, (order[:-size], order[-size:])
                yield by, (order[size:], order[:size])
            for labels in source.labels.values():
                yield by, _stratified(rows, size, seed, labels)
        rng = np.random.default_rng(seed)
        test = choose_test_rows(source.table, task.data, size, rng)
        train = np.setdiff1d(rows, test)
        yield by, (rng.permutation(train), rng.permutation(test))


def _stratified(
    rows: Classes, size: int, seed: int, labels: Classes
) -> tuple[Classes, Classes]:  # fmt: skip
    """By scikit-learn; in the source's order where it can't."""
    try:
        train, test = train_test_split(rows, test_size=size, random_state=seed, stratify=labels)
    except ValueError:  # a class of one row, or more classes than test rows
        return rows[:-size], rows[-size:]
    return train, test


def _shuffles(rows: Classes, seed: int) -> Iterator[Classes]:
    """By numpy's generator, by its old one, which scikit-learn and pandas use, and by Python's."""
    yield np.random.default_rng(seed).permutation(rows)
    yield np.random.RandomState(seed).permutation(rows)
    shuffled = rows.tolist()
    random.Random(seed).shuffle(shuffled)
    yield np.array(shuffled)

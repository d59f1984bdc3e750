"""Splits rows into train and test, and orders them, by chance alone.

The canonical test rows of real data are stored, every other draw comes from the task's key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mle_gym.datasets.keys import generator
from mle_gym.datasets.stored_split import StoredSplit
from mle_gym.datasets.tables import meaning
from mle_gym.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.tasks.spec import DataSpec, TaskSpec

    Rows = NDArray[np.intp]

Resplit = Callable[[Any, Any], tuple[Any, Any]]
"""What :func:`resplit` returns."""

__all__ = [
    "Resplit",
    "Split",
    "choose_test_rows",
    "count_test_rows",
    "nested_order",
    "resplit",
    "split_variant",
    "strata",
]

_MOMENTS = (0.67, 1.0)
"""Shares of a history after which variants of a split by time end."""
MOST_STRATA = 50
"""A target with more distinct values is stratified by its deciles."""


@dataclass(frozen=True)
class Split:
    """Which rows of a table a variant is made of, and which of them are asked for."""

    rows: Rows
    """Positions in the table, in an order that has nothing to do with what the rows hold."""
    asked: NDArray[np.bool_]
    """Which of them are test rows."""

    @property
    def train(self) -> Rows:
        """Positions of the training rows, in the order of the file."""
        return self.rows[~self.asked]

    @property
    def test(self) -> Rows:
        """Positions of the test rows, in the order of the file."""
        return self.rows[self.asked]


def split_variant(table: pd.DataFrame, task: TaskSpec, variant: int) -> Split:
    """The rows of a variant: one random order for both parts, so that it reveals neither's rows.

    Variants of real data other than 0 are split from the canonical *training* rows, so that no
    variant shows the label of a canonical test row.

    Raises:
        DatasetError: The table can't be split as the task says, or isn't the one whose split is
            stored.
    """
    pool, test = np.arange(len(table)), np.empty(0, dtype=np.intp)
    if task.data.real:
        test = np.array(StoredSplit.read(task).test, dtype=np.intp)
        pool = pool if variant == 0 else np.setdiff1d(pool, test)
    if variant != 0 or not task.data.real:
        pool, test = _draw(table, task, variant, pool)
    order = generator(task, variant, "order").permutation(pool)
    return Split(order, np.isin(order, test))


def _draw(table: pd.DataFrame, task: TaskSpec, variant: int, pool: Rows) -> tuple[Rows, Rows]:
    """The rows of ``pool`` that are used, and those of them that become test rows."""
    data, rng = task.data, generator(task, variant, "split")
    size = count_test_rows(len(table), data, task.id)
    if data.real and data.time:
        pool = _history(table, data.time, pool, rng)
    smaller = max(1, round(size * len(pool) / len(table)))
    part = table.iloc[pool].reset_index(drop=True)
    return pool, pool[choose_test_rows(part, data, smaller, rng)]


def resplit(task: TaskSpec, variant: int) -> Resplit:
    """What makes a variant of a split that a ``prepare.py`` makes of real data.

    The function accepts the canonical train and test part, sequences of any kind, and returns the
    variant's: for variant 0 the same, for others the canonical *training* part split once more,
    into shares of the same size, or halves where the test is the larger. Nothing of the canonical
    test part is in them. With ``data.time`` both parts must be in the order of that column, and the
    variant is what was known at a random moment in the last third of the training part's history.

    The function raises DatasetError where there is too little to split.
    """

    def again(train: Any, test: Any) -> tuple[Any, Any]:
        if variant == 0:
            return train, test
        rng, known = generator(task, variant, "split"), len(train)
        if task.data.time:
            known = round(known * rng.uniform(*_MOMENTS))
        size = round(known * len(test) / (len(train) + len(test)))
        size = max(1, min(size, known // 2))
        if size >= known:
            raise DatasetError(f"{task.id}: variant: {known} training rows can't be split")
        if task.data.time:
            return train[: known - size], train[known - size : known]
        from sklearn.model_selection import train_test_split  # scikit-learn, only for variants

        # All of the key's randomness: a seed of 32 bits could be found by trying.
        draws = np.random.RandomState(rng.bit_generator)
        first, second = train_test_split(train, test_size=size, random_state=draws)
        return first, second

    return again


def count_test_rows(rows: int, data: DataSpec, task_id: str) -> int:
    """How many test rows ``data.test_size`` means.

    Raises:
        DatasetError: More than there are, or none.
    """
    wanted = data.test_size or 0
    size = wanted if isinstance(wanted, int) else round(wanted * rows)
    if not 1 <= size < rows:
        raise DatasetError(
            f"{task_id}: data.test_size: expected 1 to {rows - 1} of {rows} rows, found {wanted}"
        )
    return size


def choose_test_rows(
    table: pd.DataFrame, data: DataSpec, size: int, rng: np.random.Generator
) -> Rows:
    """Positions of ``size`` test rows, as the task declares the split.

    A grouped split takes whole groups, and so gets as near to ``size`` as they allow.

    Raises:
        DatasetError: A column to split by is missing, or there are fewer than two groups.
    """
    if data.time:
        order = np.argsort(_ranks(_column(table, data.time, "time")), kind="stable")
        return order[len(table) - size :]
    if data.group:
        return _whole_groups(_ranks(_column(table, data.group, "group")), size, rng)
    if data.stratify:
        return nested_order(strata(table, data.target or ()), rng)[:size]
    return rng.permutation(len(table))[:size]


def nested_order(labels: NDArray[Any] | None, rng: np.random.Generator, rows: int = 0) -> Rows:
    """A random order of rows in which every beginning has each label in proportion.

    So the first 100 rows are part of the first 200, and either is a stratified sample.
    ``labels`` of None (then ``rows`` says how many) gives a plain random order.
    """
    if labels is None:
        return rng.permutation(rows)
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    ties = rng.permutation(len(labels))
    return np.lexsort((ties, place))


def strata(table: pd.DataFrame, target: tuple[str, ...]) -> Rows:
    """The stratum of each row: its target's value, or decile where there are many values."""
    codes = np.zeros(len(table), dtype=np.intp)
    for name in target:
        ranks = _ranks(_column(table, name, "target"))
        many = ranks.max(initial=0) >= MOST_STRATA
        part = np.argsort(np.argsort(ranks, kind="stable")) * 10 // len(ranks) if many else ranks
        codes = np.unique(codes * (int(part.max(initial=0)) + 1) + part, return_inverse=True)[1]
    return codes


def _column(table: pd.DataFrame, name: str, field: str) -> pd.Series[Any]:
    if name not in table.columns:
        known = ", ".join(map(str, table.columns))
        raise DatasetError(f"data.{field}: expected a column of the data ({known}), found {name!r}")
    column = table[name]
    if column.isna().any():
        rows = int(column.isna().sum())
        raise DatasetError(f"data.{field}: expected no missing values in {name!r}, found {rows}")
    return column


def _ranks(column: pd.Series[Any]) -> Rows:
    """Each value's rank among the distinct values."""
    return np.unique(meaning(column).to_numpy(), return_inverse=True)[1].astype(np.intp)


def _whole_groups(groups: Rows, size: int, rng: np.random.Generator) -> Rows:
    """Rows of randomly chosen groups, at most ``size``; the smallest group if none fits."""
    sizes = np.bincount(groups)
    if len(sizes) < 2:
        raise DatasetError(f"data.group: expected two groups or more, found {len(sizes)}")
    chosen: list[int] = []
    taken = 0
    for group in rng.permutation(len(sizes)):
        if taken + sizes[group] <= size:
            chosen.append(int(group))
            taken += int(sizes[group])
    return np.flatnonzero(np.isin(groups, chosen or [int(np.argmin(sizes))]))


def _history(table: pd.DataFrame, time: str, pool: Rows, rng: np.random.Generator) -> Rows:
    """What was known at a random moment in the last third of the pool's history."""
    order = pool[np.argsort(_ranks(_column(table.iloc[pool], time, "time")), kind="stable")]
    return np.sort(order[: max(2, round(len(pool) * rng.uniform(*_MOMENTS)))])

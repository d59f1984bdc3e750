"""Businesses of two registers are scored by the pairs of entries that a submission claims."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.grading.grade import Grade
from mle_gym.grading.open_grader import open_grader
from mle_gym.tasks.catalog import load_task


@pytest.fixture
def dataset() -> Dataset:
    return prepare(load_task("dirty-join"), DatasetOptions(size="micro"))


def truth(dataset: Dataset) -> pd.Series:
    return pd.read_csv(dataset.private / "answers.csv")["business"]


def graded(dataset: Dataset, business: pd.Series) -> Grade:
    table = pd.read_csv(dataset.private / "answers.csv")[["entry"]].assign(business=business)
    return open_grader(dataset).grade(table.to_csv(index=False).encode())


def test_numbers_of_businesses_are_only_names(dataset: Dataset) -> None:
    assert graded(dataset, 7 - 3 * truth(dataset)).score == 1


def test_neither_all_entries_nor_none_are_the_same_business(dataset: Dataset) -> None:
    entries = truth(dataset)
    for business in (entries * 0 + 1, pd.Series(np.arange(len(entries)))):
        grade = graded(dataset, business)
        assert grade.score is not None
        assert grade.score < 0.01
        assert grade.anchored == 0


def test_merging_two_businesses_costs_precision_and_splitting_one_costs_recall(
    dataset: Dataset,
) -> None:
    business = truth(dataset)
    merged = graded(dataset, business // 8)
    split = graded(dataset, business * 2 + np.arange(len(business)) % 2)
    assert merged.parts["recall"] == split.parts["precision"] == 1
    assert float(merged.parts["precision"]) < 0.5
    assert float(split.parts["recall"]) < 0.8


def test_the_largest_numbers_are_scored_like_any_other(dataset: Dataset) -> None:
    business = truth(dataset)
    assert graded(dataset, 2**63 - 1 - business).score == 1

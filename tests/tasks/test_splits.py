from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_gym.errors import DatasetError
from mle_gym.tasks.spec import DataSpec
from mle_gym.tasks.splits import generator, nested_order, split_variant, strata
from tests.tasks.conftest import fruit


def data(**changes: Any) -> DataSpec:
    return DataSpec.model_validate(
        {"loader": "files", "ref": "x", "target": "ripe", "test_size": 20, **changes}
    )


WAYS: list[dict[str, Any]] = [{}, {"stratify": True}, {"group": "tree"}, {"time": "day"}]


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("variant", [0, 1, 7, -3, 2**70])
def test_a_split_is_seeded_by_variant_alone_and_has_no_row_twice(
    way: dict[str, Any], variant: int
) -> None:
    table = fruit()
    train, test = split_variant(table, data(**way), "fruit", variant)
    again = split_variant(table, data(**way), "fruit", variant)
    assert np.array_equal(train, again[0])
    assert np.array_equal(test, again[1])
    assert not set(train) & set(test)
    if variant == 0:
        assert sorted([*train, *test]) == list(range(len(table)))


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_variants_of_real_data_are_canonical_training_rows(way: dict[str, Any]) -> None:
    table = fruit()
    canonical = set(split_variant(table, data(**way), "fruit", 0)[0])
    seen = set()
    for variant in range(1, 6):
        train, test = split_variant(table, data(**way), "fruit", variant)
        assert set(train) | set(test) <= canonical
        seen.add(tuple(sorted(test)))
    assert len(seen) >= 3


def test_sizes_are_exact_and_proportional_in_variants() -> None:
    table = fruit(90)
    assert len(split_variant(table, data(test_size=30), "fruit", 0)[1]) == 30
    assert len(split_variant(table, data(test_size=30), "fruit", 1)[1]) == 20
    assert len(split_variant(table, data(test_size=0.1), "fruit", 0)[1]) == 9


def test_stratified_parts_have_the_target_in_proportion() -> None:
    table = pd.DataFrame({"ripe": ["a"] * 60 + ["b"] * 30 + ["c"] * 10, "x": range(100)})
    _, test = split_variant(table, data(stratify=True), "fruit", 0)
    assert table["ripe"].iloc[test].value_counts().to_dict() == {"a": 12, "b": 6, "c": 2}


def test_numbers_are_stratified_by_decile() -> None:
    table = pd.DataFrame({"ripe": np.arange(200) * 1.5})
    _, test = split_variant(table, data(stratify=True), "fruit", 0)
    counts = np.bincount(strata(table, ("ripe",))[test])
    assert counts.tolist() == [2] * 10


def test_groups_stay_on_one_side() -> None:
    table = fruit()
    for variant in range(4):
        train, test = split_variant(table, data(group="tree"), "fruit", variant)
        trees = table["tree"]
        assert not set(trees.iloc[train]) & set(trees.iloc[test])
        assert 0 < len(test) <= 20


def test_test_rows_are_the_latest() -> None:
    table = fruit()
    for variant in range(4):
        train, test = split_variant(table, data(time="day"), "fruit", variant)
        assert table["day"].iloc[train].max() < table["day"].iloc[test].min()


def test_rows_are_shuffled() -> None:
    for part in split_variant(fruit(), data(), "fruit", 0):
        assert part.tolist() != sorted(part)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_size": 60}, "test_size: expected 1 to 59 of 60 rows, found 60"),
        ({"test_size": 0.001}, "test_size: expected 1 to 59 of 60 rows, found 0.001"),
        ({"group": "leaf"}, "data.group: expected a column of the data .*, found 'leaf'"),
        ({"time": "gap"}, "data.time: expected no missing values in 'gap', found 1"),
        ({"group": "same"}, "data.group: expected two groups or more, found 1"),
    ],
)
def test_impossible_splits_say_why(changes: dict[str, Any], message: str) -> None:
    table = fruit().assign(same=1, gap=[float("nan"), *range(59)])
    with pytest.raises(DatasetError, match=message):
        split_variant(table, data(**changes), "fruit", 0)


def test_generators_differ_by_task_variant_and_purpose() -> None:
    keys = [("a", 0, "x"), ("b", 0, "x"), ("a", 1, "x"), ("a", -1, "x"), ("a", 0, "y")]
    draws = {tuple(generator(*key).integers(0, 1000, 4)) for key in keys}
    assert len(draws) == len(keys)
    assert generator("a", 5, "x").random() == generator("a", 5, "x").random()


@settings(max_examples=50, deadline=None)
@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_every_beginning_of_a_nested_order_is_stratified(counts: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    order = nested_order(labels, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(labels)))
    for length in range(1, len(labels) + 1):
        got = np.bincount(labels[order[:length]], minlength=len(counts))
        expected = np.array(counts) * length / len(labels)
        assert np.abs(got - expected).max() <= len(counts)

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_gym.authoring.draw_key_and_split import write_missing
from mle_gym.datasets.dataset import DatasetOptions
from mle_gym.datasets.keys import SECRET, generator, secret_fingerprint
from mle_gym.datasets.prepare import prepare
from mle_gym.datasets.splits import nested_order, resplit, split_variant, strata
from mle_gym.datasets.stored_split import StoredSplit
from mle_gym.errors import DatasetError
from mle_gym.tasks.load import load_folder
from mle_gym.tasks.spec import TaskSpec
from tests.keyed import keyed
from tests.task_folders import MakeTask, fruit
from tests.tiers import example_count

MakeSpec = Callable[..., TaskSpec]
WAYS: list[dict[str, Any]] = [
    {"stratify": False},
    {"stratify": True},
    {"stratify": None, "group": "tree"},
    {"stratify": None, "time": "day"},
]


@pytest.fixture
def spec(make_task: MakeTask) -> MakeSpec:
    """``spec(table, stratify=False)`` is a task of that table."""

    def make(table: pd.DataFrame | None = None, **data: Any) -> TaskSpec:
        return load_folder(make_task({"data": data}, table=table))

    return make


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_split_is_drawn_by_variant_alone_and_has_no_row_twice(
    spec: MakeSpec, way: dict[str, Any]
) -> None:
    table, task = fruit(), spec(**way)
    for variant in (0, 1, 7, -3, 2**70):
        split, again = (split_variant(table, task, variant) for _ in range(2))
        assert np.array_equal(split.rows, again.rows)
        assert np.array_equal(split.asked, again.asked)
        assert not set(split.train) & set(split.test)
        assert split.rows.tolist() != sorted(split.rows)
        if variant == 0:
            assert sorted(split.rows) == list(range(len(table)))


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_variants_of_real_data_are_canonical_training_rows(
    spec: MakeSpec, way: dict[str, Any]
) -> None:
    table, task = fruit(), spec(**way)
    canonical = set(split_variant(table, task, 0).train)
    seen = set()
    for variant in range(1, 6):
        split = split_variant(table, task, variant)
        assert set(split.rows) <= canonical
        seen.add(tuple(sorted(split.test)))
    assert len(seen) >= 3


def test_sizes_are_exact_and_proportional_in_variants(spec: MakeSpec) -> None:
    table = fruit(90)
    task = spec(table, test_size=30)
    assert len(split_variant(table, task, 0).test) == 30
    assert len(split_variant(table, task, 1).test) == 20
    assert len(split_variant(table, spec(table, test_size=0.1), 0).test) == 9


def test_stratified_parts_have_the_target_in_proportion(spec: MakeSpec) -> None:
    table = pd.DataFrame({"ripe": ["a"] * 60 + ["b"] * 30 + ["c"] * 10, "x": range(100)})
    test = split_variant(table, spec(table), 0).test
    assert table["ripe"].iloc[test].value_counts().to_dict() == {"a": 12, "b": 6, "c": 2}


def test_numbers_are_stratified_by_decile(spec: MakeSpec) -> None:
    table = pd.DataFrame({"ripe": np.arange(200) * 1.5})
    test = split_variant(table, spec(table), 0).test
    assert np.bincount(strata(table, ("ripe",))[test]).tolist() == [2] * 10


def test_groups_stay_on_one_side(spec: MakeSpec) -> None:
    table, task = fruit(), spec(stratify=None, group="tree")
    for variant in range(4):
        split, trees = split_variant(table, task, variant), table["tree"]
        assert not set(trees.iloc[split.train]) & set(trees.iloc[split.test])
        assert 0 < len(split.test) <= 20


def test_test_rows_are_the_latest(spec: MakeSpec) -> None:
    table, task = fruit(), spec(stratify=None, time="day")
    for variant in range(4):
        split = split_variant(table, task, variant)
        assert table["day"].iloc[split.train].max() < table["day"].iloc[split.test].min()


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
def test_impossible_splits_say_why(spec: MakeSpec, changes: dict[str, Any], message: str) -> None:
    table = fruit().assign(same=1, gap=[float("nan"), *range(59)])
    task = spec(table, **{"stratify": None, **changes})
    with pytest.raises(DatasetError, match=message):
        write_missing(task)


# ---- the key and the secret


def draws(task: TaskSpec, variant: int, purpose: str = "x") -> tuple[int, ...]:
    return tuple(generator(task, variant, purpose).integers(0, 1000, 6))


def test_generators_differ_by_key_variant_and_purpose(spec: MakeSpec, tmp_path: Path) -> None:
    task = spec()
    seen = {draws(task, *each) for each in [(0, "x"), (1, "x"), (-1, "x"), (0, "y"), (1, "y")]}
    assert draws(task, 0) == draws(task, 0)
    keyed(task.folder, "77" * 32)
    assert draws(task, 0) not in seen
    assert len(seen) == 5


def test_a_secret_changes_every_variant_but_the_canonical_one(
    spec: MakeSpec, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = spec()
    found = []
    for secret in ("", "a secret of our own", "a secret of theirs"):
        monkeypatch.setenv(SECRET, secret)
        canonical, variant = prepare(task), prepare(task, DatasetOptions(1))
        content = (variant.public / "test.csv").read_bytes()
        found.append((canonical.digest, variant.digest, content, draws(task, 0), draws(task, 1)))
        for record in (variant.digest, json.dumps(variant.manifest), secret_fingerprint()):
            assert not secret or secret not in record
    kinds = [len(set(each)) for each in zip(*found, strict=True)]
    assert kinds == [1, 3, 3, 1, 3]
    monkeypatch.setenv(SECRET, "short")
    with pytest.raises(DatasetError, match="MLE_GYM_SECRET: expected 16 characters or more, fo"):
        prepare(task, DatasetOptions(1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected the task's key, found: No such file.*`mle-gym validate-task .*--fix`"),
        ("", "expected 64 hexadecimal digits"),
        ("5E" * 32, "expected 64 hexadecimal digits"),
        ("5e" * 33, "expected 64 hexadecimal digits"),
    ],
)
def test_a_missing_or_broken_key_says_how_to_get_one(
    spec: MakeSpec, own_cache: Path, content: str | None, message: str
) -> None:
    task = spec()
    (task.folder / "key").unlink()
    if content is not None:
        (task.folder / "key").write_text(content)
    with pytest.raises(DatasetError, match=message):
        prepare(task)


def test_a_variant_of_prepare_py_s_own_split_comes_from_the_whole_key(spec: MakeSpec) -> None:
    task, rows = spec(), list(range(100))
    train, test = resplit(task, 1)(rows[:80], rows[80:])
    assert sorted(train + test) == rows[:80]
    assert (train, test) == resplit(task, 1)(rows[:80], rows[80:])
    assert resplit(task, 0)(rows[:80], rows[80:]) == (rows[:80], rows[80:])
    assert resplit(task, 2)(rows[:80], rows[80:]) != (train, test)


def test_a_variant_of_prepare_py_s_own_split_by_time_is_what_was_known_at_a_moment(
    spec: MakeSpec,
) -> None:
    task, rows = spec(stratify=None, time="day"), list(range(1000))
    ends = set()
    for variant in range(1, 9):
        train, test = resplit(task, variant)(rows[:800], rows[800:])
        assert train + test == rows[: len(train) + len(test)]
        assert len(test) == pytest.approx(0.2 * len(train + test), abs=1)
        ends.add(len(train + test))
    assert min(ends) >= 0.67 * 800 - 1
    assert max(ends) <= 800
    assert len(ends) > 4


# ---- the stored split


def test_what_is_missing_is_drawn_by_chance_and_what_is_there_kept(spec: MakeSpec) -> None:
    task, seen = spec(), set()
    for _ in range(3):
        for name in ("key", "split.json"):
            (task.folder / name).unlink()
        assert [path.name for path in write_missing(task)] == ["key", "split.json"]
        assert write_missing(task) == []
        seen.add(tuple(StoredSplit.read(task).test))
        test = split_variant(fruit(), task, 0).test
        assert fruit()["ripe"].iloc[test].mean() == pytest.approx(fruit()["ripe"].mean(), abs=0.05)
    assert len(seen) == 3


OTHER_DATA: dict[str, Any] = {
    "other rows": {"table": fruit(61)},
    "another order": {"table": fruit()[::-1]},
    "another cell": {"table": fruit().replace({"tree": {3: 4}})},
    "another size": {"data": {"test_size": 21}},
    "not stratified": {"data": {"stratify": False}},
    "another target": {
        "data": {"target": "tree"},
        "submission": {"columns": {"ripe": None, "tree": "int"}},
    },
}


@pytest.mark.parametrize("other", OTHER_DATA)
def test_a_split_of_other_data_is_refused(make_task: MakeTask, own_cache: Path, other: str) -> None:
    changes = dict(OTHER_DATA[other])
    stored = (make_task() / "split.json").read_bytes()
    table = changes.pop("table", None)
    folder = make_task(changes, table=table)
    (folder / "split.json").write_bytes(stored)
    message = r"split\.json: the split was drawn for .*delete the file, raise the task's version"
    with pytest.raises(DatasetError, match=message):
        prepare(load_folder(folder))


@pytest.mark.parametrize(
    "change",
    [
        {"test": [3, 2, 1]},
        {"test": [1, 1, 2]},
        {"test": []},
        {"test": [-1, 2]},
        {"test": [1, 60]},
        {"test": [True, 2]},
        {"test": list(range(60))},
        {"test": "1 2 3"},
        {"rows": "60"},
        {"seed": 0},
    ],
    ids=str,
)
def test_a_damaged_split_is_refused(spec: MakeSpec, change: dict[str, Any]) -> None:
    task = spec()
    file = task.folder / "split.json"
    file.write_text(json.dumps(dataclasses.asdict(StoredSplit.read(task)) | change))
    with pytest.raises(DatasetError, match=r"split\.json: expected"):
        split_variant(fruit(), task, 0)


def test_without_a_split_real_data_can_not_be_prepared(spec: MakeSpec, own_cache: Path) -> None:
    task = spec()
    (task.folder / "split.json").unlink()
    with pytest.raises(DatasetError, match=r"found none; `mle-gym validate-task .* --fix` draws"):
        prepare(task)


@settings(max_examples=example_count(50), deadline=None)
@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_every_beginning_of_a_nested_order_is_stratified(counts: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    order = nested_order(labels, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(labels)))
    for length in range(1, len(labels) + 1):
        got = np.bincount(labels[order[:length]], minlength=len(counts))
        expected = np.array(counts) * length / len(labels)
        assert np.abs(got - expected).max() <= len(counts)

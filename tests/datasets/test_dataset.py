"""A prepared dataset: its files, their contents, and which options and files shape them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_gym.datasets import manifest
from mle_gym.datasets.prepare import clear_cache
from mle_gym.datasets.tables import count_rows
from mle_gym.errors import DatasetError
from tests.datasets.preparing import contents, made
from tests.task_folders import MakeTask, fruit

pytestmark = pytest.mark.usefixtures("own_cache")


def test_public_and_private_files_are_what_the_contract_says(make_task: MakeTask) -> None:
    dataset = made(make_task())
    train = pd.read_csv(dataset.public / "train.csv")
    test = pd.read_csv(dataset.public / "test.csv")
    answers = pd.read_csv(dataset.private / "answers.csv")
    sample = pd.read_csv(dataset.public / "sample_submission.csv")
    assert list(train) == ["id", "weight", "colour", "name", "tree", "day", "ripe"]
    assert list(test) == ["id", "weight", "colour", "name", "tree", "day"]
    assert test["id"].tolist() == answers["id"].tolist() == sample["id"].tolist()
    assert sorted([*train["id"], *test["id"]]) == list(range(1, 61))
    assert train["id"].is_monotonic_increasing
    assert test["id"].is_monotonic_increasing
    assert list(answers) == ["id", "ripe", "Usage"]
    assert answers["Usage"].value_counts().to_dict() == {"Private": 14, "Public": 6}
    assert sample["ripe"].tolist() == [0] * 20
    assert (dataset.public / "description.md").read_text() == "Say which fruit are ripe.\n"
    everything = pd.concat([train, test.assign(ripe=answers["ripe"])]).drop(columns="id")
    expected = fruit().sort_values("day", ignore_index=True)
    pd.testing.assert_frame_equal(everything.sort_values("day", ignore_index=True), expected)


OWN_IDS: dict[str, Any] = {
    "data": {"id": "code"},
    "submission": {"columns": {"code": "str", "ripe": "int", "id": None}},
}


def test_ids_of_the_data_are_dealt_anew_since_their_order_may_be_known(
    make_task: MakeTask,
) -> None:
    table = fruit().assign(code=[f"x{at:03}" for at in range(60)])
    dataset = made(make_task(OWN_IDS, table=table))
    train, test = (pd.read_csv(dataset.public / f"{part}.csv") for part in ("train", "test"))
    assert next(iter(train)) == "code"
    assert sorted([*train["code"], *test["code"]]) == table["code"].tolist()
    both = pd.concat([train, test]).merge(table, on="code", suffixes=("", "_raw"))
    assert (both["day"] == both["day_raw"]).sum() < 10
    with pytest.raises(DatasetError, match=r"data\.id: 'code' is not unique"):
        made(make_task(OWN_IDS, table=table.assign(code="same")))


def test_ids_that_are_random_already_can_be_kept(make_task: MakeTask) -> None:
    table = fruit().assign(code=[f"x{at:03}" for at in np.random.default_rng(1).permutation(60)])
    changes = {**OWN_IDS, "data": {"id": "code", "keep_ids": True}}
    train = pd.read_csv(made(make_task(changes, table=table)).public / "train.csv")
    both = train.merge(table, on="code", suffixes=("", "_raw"))
    assert (both["day"] == both["day_raw"]).all()


def test_drop_rename_and_labels_apply(make_task: MakeTask) -> None:
    changes = {
        "data": {
            "drop": ["name"],
            "rename": {"ripe": "state", "tree": "plant"},
            "labels": {"0": "green", "1": "ripe"},
            "target": "state",
        },
        "submission": {"columns": {"ripe": None, "state": {"values": ["green", "ripe"]}}},
    }
    dataset = made(make_task(changes))
    train = pd.read_csv(dataset.public / "train.csv")
    assert list(train) == ["id", "weight", "colour", "plant", "day", "state"]
    assert set(train["state"]) == {"green", "ripe"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"drop": ["weigth"]}}, r"data\.drop: no column 'weigth'; did you mean 'weight'"),
        ({"data": {"rename": {"x": "y"}}}, r"data\.rename: no column 'x'; the data have weight, "),
        ({"data": {"rename": {"day": "tree"}}}, r"data\.rename: 'tree' is the name of two"),
        ({"data": {"strong": ["x"]}}, r"data\.strong: no column 'x'"),
        ({"data": {"labels": {"0": 0}}}, r"data\.labels: .*missing '1'"),
        (
            {"submission": {"columns": {"ripe": {"values": [1, 2]}}}},
            r"submission\.columns\.ripe: the answers have 0, which is none of its values",
        ),
        (
            {"submission": {"columns": {"ripe": {"type": "int", "max": 0}}}},
            r"submission\.columns\.ripe: the answers have 1, above 0",
        ),
        (
            {
                "data": {"target": "colour"},
                "submission": {"columns": {"ripe": None, "colour": "int"}},
            },
            r"submission\.columns\.colour: the answers have text values, not int",
        ),
        (
            {
                "data": {"target": "colour"},
                "grade": {"metric": "log_loss", "worst": 2.0, "best": 0.0},
                "submission": {
                    "columns": {"ripe": None, "red": "probability", "blue": "probability"}
                },
            },
            r"submission\.columns: expected a column 'green' or 'colour_green' for that class",
        ),
    ],
)
def test_a_task_that_contradicts_its_data_is_told(
    make_task: MakeTask, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        made(make_task(changes))


def test_a_target_has_no_missing_values(make_task: MakeTask) -> None:
    table = fruit().assign(ripe=lambda t: t["ripe"].where(t.index > 2))
    with pytest.raises(DatasetError, match="a value in every row of 'ripe', found 3 rows without"):
        made(make_task(table=table))


def test_class_probabilities_have_one_hot_answers(make_task: MakeTask) -> None:
    classes = ["colour_green", "colour_red", "yellow"]
    changes = {
        "data": {"target": "colour"},
        "grade": {"metric": "log_loss", "worst": 1.1, "best": 0.0},
        "submission": {
            "columns": {"ripe": None} | dict.fromkeys(classes, "probability"),
            "sum_to_one": classes,
        },
    }
    dataset = made(make_task(changes))
    answers = pd.read_csv(dataset.private / "answers.csv")
    assert list(answers) == ["id", *classes, "Usage"]
    assert (answers[classes].sum(axis=1) == 1).all()
    sample = pd.read_csv(dataset.public / "sample_submission.csv")
    assert np.allclose(sample[classes], 1 / 3)
    assert "colour" not in pd.read_csv(dataset.public / "test.csv")


def test_text_values_stay_text(make_task: MakeTask) -> None:
    words = np.random.default_rng(0).choice(["NA", "null", "007", "1e5"], 60)
    changes = {
        "data": {"target": "word", "stratify": False},
        "submission": {"columns": {"ripe": None, "word": "str"}},
    }
    dataset = made(make_task(changes, table=fruit().assign(word=words)))
    lines = (dataset.private / "answers.csv").read_text().splitlines()[1:]
    assert {line.split(",")[1] for line in lines} == {"NA", "null", "007", "1e5"}


def test_two_prepares_are_byte_identical_and_variants_are_not(make_task: MakeTask) -> None:
    folder = make_task()
    seen = []
    for variant in (0, 1, 2, -1):
        first = contents(made(folder, variant=variant))
        clear_cache()
        assert contents(made(folder, variant=variant)) == first
        seen.append(first["public/test.csv"])
    assert len(set(seen)) == 4


def test_variants_hold_canonical_training_rows_alone(make_task: MakeTask) -> None:
    folder = make_task()
    canonical = set(pd.read_csv(made(folder).public / "train.csv")["day"])
    for variant in (1, 2, 3):
        dataset = made(folder, variant=variant)
        days = [pd.read_csv(dataset.public / f"{part}.csv")["day"] for part in ("train", "test")]
        assert set(pd.concat(days)) == canonical
        assert len(days[1]) == 13


def test_train_rows_are_nested_and_stratified(make_task: MakeTask) -> None:
    folder = make_task()
    full = pd.read_csv(made(folder).public / "train.csv")
    before: set[int] = set()
    for rows in (4, 10, 25, 40):
        dataset = made(folder, train_rows=rows)
        part = pd.read_csv(dataset.public / "train.csv")
        assert len(part) == rows
        assert before < set(part["id"])
        assert part["ripe"].mean() == pytest.approx(full["ripe"].mean(), abs=1 / rows)
        pd.testing.assert_frame_equal(
            part, full[full["id"].isin(part["id"])].reset_index(drop=True)
        )
        before = set(part["id"])
        same = (made(folder).private / "answers.csv").read_bytes()
        assert (dataset.private / "answers.csv").read_bytes() == same


def test_train_rows_are_clipped_to_what_there_is(make_task: MakeTask) -> None:
    folder = make_task()
    whole, more = made(folder), made(folder, train_rows=41)
    assert (more.public / "train.csv").read_bytes() == (whole.public / "train.csv").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_rows": 0}, "fruit: train_rows: expected 1 or more, found 0"),
        ({"train_rows": 2.5}, r"fruit: train_rows: expected 1 or more, found 2\.5"),
        ({"variant": "1"}, "fruit: variant: expected an integer, found '1'"),
        ({"variant": True}, "fruit: variant: expected an integer, found True"),
    ],
)
def test_options_out_of_range_are_told(
    make_task: MakeTask, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        made(make_task(), **options)


def test_private_is_private_and_public_is_readable_by_anyone(make_task: MakeTask) -> None:
    before = os.umask(0o077)
    try:
        dataset = made(make_task())
    finally:
        os.umask(before)

    def mode(path: Path) -> int:
        return path.stat().st_mode & 0o777

    assert mode(dataset.private) == 0o700
    assert mode(dataset.private / "answers.csv") == 0o600
    assert mode(dataset.public.parent) == mode(dataset.public) == 0o755
    assert {mode(file) for file in dataset.public.iterdir()} == {0o644}


def test_what_does_not_shape_the_data_keeps_the_dataset(make_task: MakeTask) -> None:
    folder = make_task()
    digest = made(folder).digest
    (folder / "solution.py").write_text("print('better')")
    assert made(folder).digest == digest
    make_task({"limits": {"steps": 3}, "medals": {"gold": 0.9, "silver": 0.8, "bronze": 0.7}})
    assert made(folder).digest == digest


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "data.csv").write_text((folder / "data.csv").read_text() + "\n"),
        lambda folder: (folder / "description.md").write_text("Other words."),
        lambda folder: (folder / "helper.csv").write_text("x"),
    ],
)
def test_what_shapes_the_data_makes_another_dataset(
    make_task: MakeTask, change: Callable[[Path], Any]
) -> None:
    folder = make_task()
    before = made(folder)
    change(folder)
    assert made(folder).digest != before.digest


def test_of_a_very_large_table_the_first_rows_are_described(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "LARGE", 100)
    monkeypatch.setattr(manifest, "SAMPLED", 7)
    dataset = made(make_task())
    train = dataset.manifest["tables"]["train.csv"]
    assert (train["rows"], train["sampled"]) == (40, 7)
    assert {column["name"] for column in train["columns"]} == {"id", *fruit().columns}


@pytest.mark.parametrize(
    ("content", "rows"),
    [("a,b\n1,2\n3,4\n", 2), ("a,b\n1,2\n3,4", 2), ('a,b\n"1\n2",3\n', 1), ("a,b\n", 0)],
)
def test_rows_are_counted_without_reading_the_table(
    tmp_path: Path, content: str, rows: int
) -> None:
    (tmp_path / "a.csv").write_text(content)
    assert count_rows(tmp_path / "a.csv") == rows

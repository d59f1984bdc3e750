"""Agents get, and grades use, the cells of a user's table exactly as they are written."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mle_gym
from mle_gym.authoring.from_csv import task_from_csv
from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.errors import DatasetError, TaskError
from mle_gym.metrics import METRICS, Metric
from mle_gym.tasks.load import load_folder
from tests.keyed import keyed
from tests.task_folders import MakeTask
from tests.tiers import example_count, few_quick

Rows = list[list[str]]

PARAMS: dict[str, dict[str, Any]] = {
    "pinball": {"alpha": 0.5}, "f_beta": {"beta": 2.0}, "dice": {"pixels": 99},
    "iou": {"pixels": 99}, "hypervolume": {"reference": [2e6, 2e6], "goal": "minimize"},
    **{f"{name}_at_k": {"k": 3} for name in ("map", "ndcg", "recall", "precision")},
}  # fmt: skip
LABELS = {
    "whole numbers": ["0", "1"],
    "from one": ["1", "2"],
    "negative": ["-1", "-2"],
    "with a point": ["0.0", "1.0"],
    "with and without": ["1", "1.0", "2"],
    "fractions": ["0.5", "1.5"],
    "booleans": ["True", "False"],
    "loud booleans": ["TRUE", "FALSE"],
    "text": ["cat", 'a "b", c'],
    "missing values elsewhere": ["NA", "null"],
    "no numbers": ["nan", "inf"],
    "exponents": ["1e5", "100000"],
    "leading zeros": ["00034", "34"],
    "dates": ["2020-01-01", "2021-02-03"],
    "mixed": ["1", "a"],
    "beyond 64 bits": ["9223372036854775808", "18446744073709551616"],
    "spaces": [" a", "a"],
}
NUMBERS = ["1", "2.50", "007", "1e1", "+3", "1234567.25"]
TEXTS = ["", "3 2", "NA", "001 2"]
MASKS = ["", "1 3", "5 6 20 2"]


def read(file: Path) -> Rows:
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.reader(lines))


def write(file: Path, rows: Sequence[Sequence[str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows(rows)


def source(folder: Path, answers: Sequence[Sequence[str]], columns: Sequence[str]) -> Path:
    """The three files of a competition, with ids that are not integers."""
    folder.mkdir()
    names = ["y", "z"][: len(answers[0])]
    rows = [[f"{at:04}", f"{at}.50", *given] for at, given in enumerate(answers)]
    write(folder / "train.csv", [["img", "f", *names], *rows])
    write(folder / "test.csv", [["img", "f"], *([f"{at:04}", "1"] for at in range(90, 99))])
    write(folder / "sample_submission.csv", [["img", *columns], ["0090", *["0"] * len(columns)]])
    return folder


def cells(metric: Metric, label: str) -> list[str]:
    """Answers that suit the metric."""
    kinds = {"number": NUMBERS, "points": NUMBERS, "mask": MASKS}
    return (
        LABELS[label] if metric.kind in ("label", "probability") else kinds.get(metric.kind, TEXTS)
    )


def perfect(dataset: Dataset) -> bytes:
    rows = read(dataset.private / "answers.csv")
    write(dataset.public / "perfect.csv", [row[:-1] for row in rows])
    return (dataset.public / "perfect.csv").read_bytes()


CASES = [
    *(("accuracy", label) for label in LABELS),
    *(("roc_auc", label) for label in LABELS),
    *((name, list(LABELS)[at % len(LABELS)]) for at, name in enumerate(METRICS)),
]


@pytest.mark.parametrize(
    ("name", "label"), few_quick(dict.fromkeys(CASES), CASES[::8], "each makes a task"), ids=str
)
def test_every_metric_and_kind_of_label_makes_a_task(
    tmp_path: Path, own_cache: Path, name: str, label: str
) -> None:
    metric, draw = METRICS[name], random.Random(0)
    width = metric.columns[0]
    answers = [draw.choices(cells(metric, label), k=width) for _ in range(60)]
    columns = ["y", "z"][:width]
    if name == "roc_auc_macro":  # one column for each class
        answers, columns = [row[:1] for row in answers], LABELS[label]
    folder = tmp_path / "trees"
    task_from_csv(folder, source(tmp_path / "csv", answers, columns), name, params=PARAMS.get(name))
    task = load_folder(folder)
    dataset = prepare(task)
    given = {tuple(row[:2]) for row in read(folder / "train.csv")[1:]}
    for part in ("train.csv", "test.csv"):  # an id that is a name stays with its row
        assert {tuple(row[:2]) for row in read(dataset.public / part)[1:]} <= given
    grade = mle_gym.grade(task, perfect(dataset))
    assert grade.valid, grade.error_message
    best = task.grade.best if metric.best == float("inf") else metric.best
    assert name == "precision_at_k" or grade.score == pytest.approx(best, abs=1e-9)
    assert mle_gym.grade(task, dataset.public / "sample_submission.csv").valid


@pytest.mark.parametrize(
    ("metric", "answers", "message"),
    [
        ("accuracy", ["a", ""], r"train\.csv: y: expected a class in every row, found 30 rows"),
        ("f1", ["a", "b", "c"], "'positive'"),
        ("quadratic_kappa", ["low", "mid", "top"], "require the parameter 'labels', in order"),
        ("rmse", ["1", ""], "expected a value in every row, found 30 rows without"),
        ("rmse", ["1,5", "2"], "expected numbers in every row, found text values"),
        ("log_loss", ["0", "1", "2"], "expected a column a class, found one column for 3 values"),
        ("roc_auc_macro", ["0", "1"], r"sample_submission\.csv: metric roc_auc_macro: expected at"),
        ("mape", ["0", "1"], "undefined if an answer is 0"),
        ("log_loss", ["0", "1"], "expected a column '1' or 'y_1' for that class, found 0, 2"),
    ],
)
def test_answers_that_a_metric_has_no_use_for_are_named_by_the_users_own_file(
    tmp_path: Path, own_cache: Path, metric: str, answers: list[str], message: str
) -> None:
    rows = [[answers[at % len(answers)]] for at in range(60)]
    columns = ["0", "2"] if "'y_1'" in message else ["y"]
    with pytest.raises((TaskError, DatasetError), match=message) as caught:
        task_from_csv(tmp_path / "trees", source(tmp_path / "csv", rows, columns), metric)
    assert len(str(caught.value).splitlines()) == 1
    assert "/." not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir() if path != own_cache] == ["csv"]


@pytest.mark.parametrize(
    ("train", "sample", "message"),
    [
        ("id,y\n", "id,y\n1,0\n", r"train\.csv: expected 4 rows or more, found 0"),
        ("id,y\n1,0\n1,1\n2,0\n3,1\n", "id,y\n", r"train\.csv: id: .* differ, found '1' twice"),
        ("id,y\n1,0\n,1\n2,0\n3,1\n", "id,y\n", "an id in every row, found an empty cell"),
        ("id;y\n1;0\n", "id;y\n", r"sample_submission\.csv: expected commas .* found ';'"),
        (",y\n1,0\n", ",y\n", "expected names of columns, found an empty one"),
        ("id,Usage\n1,0\n", "id,Usage\n", "found 'Usage'"),
        ("id,y,y\n1,0,1\n", "id,y\n", r"train\.csv: columns: .* found twice: y"),
        ("id,y\n" + "1,a\n2,b\n3,c\n4,a\n", "id,z\n", r"train\.csv: expected the columns z of"),
    ],
)
def test_files_that_are_no_competition_are_named(
    tmp_path: Path, own_cache: Path, train: str, sample: str, message: str
) -> None:
    (folder := tmp_path / "csv").mkdir()
    for name, content in (("train", train), ("test", "id\n9\n"), ("sample_submission", sample)):
        (folder / f"{name}.csv").write_text(content)
    with pytest.raises((TaskError, DatasetError), match=message) as caught:
        task_from_csv(tmp_path / "trees", folder, "accuracy")
    assert len(str(caught.value).splitlines()) == 1


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
CELL |= st.sampled_from(
    ["007", "1e5", "1.50", "-0", "+1", "1.0", "NA", "", " 1", "True", "inf", "a\r"]
)


@settings(
    max_examples=example_count(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.tuples(CELL.filter(bool), CELL), min_size=3, max_size=12, unique_by=lambda r: r[0])
)
@pytest.mark.slow("it prepares many tasks")
def test_ids_and_features_are_handed_out_as_they_stand(
    make_task: MakeTask, tmp_path: Path, rows: list[tuple[str, str]]
) -> None:
    columns = {"id": "str", "ripe": {"values": [0, 1]}}
    changes = {"data": {"test_size": 1, "stratify": False}, "submission": {"columns": columns}}
    folder = make_task(changes)
    write(
        folder / "data.csv",
        [["id", "ü", "ripe"], *([*row, str(at % 2)] for at, row in enumerate(rows))],
    )
    dataset = prepare(load_folder(keyed(folder)))
    train, test = (read(dataset.public / f"{part}.csv") for part in ("train", "test"))
    for at in range(2):
        assert sorted(row[at] for row in train[1:] + test[1:]) == sorted(row[at] for row in rows)
    assert (train[0], test[0]) == (["id", "ü", "ripe"], ["id", "ü"])
    assert [row[0] for row in read(dataset.private / "answers.csv")[1:]] == [test[1][0]]
    assert mle_gym.grade(dataset.task, perfect(dataset)).score == 1.0


@pytest.mark.parametrize("options", [{}, {"variant": 2}, {"train_rows": 20}])
def test_a_split_by_time_sorts_numbers_as_numbers(
    make_task: MakeTask, options: dict[str, Any]
) -> None:
    rows = [[f"{day}.0", str(day), str(day % 2)] for day in range(1, 61)]
    folder = make_task({"data": {"test_size": 10, "stratify": False, "time": "day"}})
    write(folder / "data.csv", [["weight", "day", "ripe"], *rows])
    public = prepare(load_folder(keyed(folder)), DatasetOptions(**options)).public
    known, asked = (
        [int(row[2]) for row in read(public / f"{p}.csv")[1:]] for p in ("train", "test")
    )
    assert max(known) < min(asked)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,ripe,id\n1,0,1\n", "found twice: id"),
        (b"id,ripe\n1,0,1\n", "Expected 2 fields in line 2, saw 3"),
        (b"id,ripe\n1,\0\n", "found: a NUL byte"),
        ("id,ripe\n1,0\n".encode("utf-16"), "found: a NUL byte"),
        (b"id,ripe\n\xff,0\n", "can't decode byte 0xff"),
        (b"", "No columns"),
    ],
)
def test_a_file_that_is_no_table_is_named_in_one_line(
    make_task: MakeTask, content: bytes, message: str
) -> None:
    folder = make_task()
    (folder / "data.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=message) as caught:
        prepare(load_folder(folder))
    assert str(caught.value).startswith(f"{folder / 'data.csv'}: ")
    assert len(str(caught.value).splitlines()) == 1


def test_codes_are_text_in_the_brief_too(make_task: MakeTask) -> None:
    rows = [[f"{at:03}", str(at), f"{at}.50", str(at % 2)] for at in range(60)]
    folder = make_task({"submission": {"columns": {"id": "str", "ripe": {"values": [0, 1]}}}})
    write(folder / "data.csv", [["id", "age", "weight", "ripe"], *rows])
    described = prepare(load_folder(keyed(folder))).manifest["tables"]["test.csv"]["columns"]
    kinds = {column["name"]: column["kind"] for column in described}
    assert kinds == {"id": "text", "age": "integer", "weight": "number"}


HOOK = """
def prepare(raw, public, private, rng):
    (private / "answers.csv").write_bytes(b"id\\n\\xff")
"""


def test_what_a_hook_wrote_is_named_by_where_it_will_be(make_task: MakeTask) -> None:
    data = {"test_size": None, "stratify": None}
    folder = make_task({"data": data}, files={"prepare.py": HOOK})
    with pytest.raises(DatasetError, match=r"^private/answers\.csv: expected a CSV file in UTF-8"):
        prepare(load_folder(folder))

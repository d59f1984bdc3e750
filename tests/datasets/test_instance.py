"""Tasks whose generator lays out the files itself: what is written where, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.errors import DatasetError
from mle_gym.grading.open_grader import open_grader
from mle_gym.tasks.catalog import load_task
from tests.generated_task import GENERATED, PLAIN, TABLES
from tests.task_folders import MakeTask


def made(folder: Path, **options: Any) -> Dataset:
    return prepare(load_task(folder), DatasetOptions(**options))


def family(make_task: MakeTask, code: str, changes: dict[str, Any] | None = None) -> Path:
    return make_task({**GENERATED, **(changes or {})}, files={"generate.py": code})


def test_the_files_of_an_instance_are_where_they_belong(make_task: MakeTask) -> None:
    dataset = made(family(make_task, TABLES), variant=3)
    public = {p.relative_to(dataset.public).as_posix() for p in dataset.public.rglob("*.*")}
    assert public == {
        "description.md", "train.csv", "test.csv", "sample_submission.csv", "more/people.csv",
    }  # fmt: skip
    answers = pd.read_csv(dataset.private / "answers.csv")
    assert list(answers) == ["id", "ripe", "Usage"]
    assert (dataset.private / "weights.bin").read_bytes() == b"\x00\x01"
    assert (dataset.private / "notes" / "why.txt").read_text() == "because"
    told = json.loads((dataset.private / "truth.json").read_text())
    assert told == {"structure": {}, "truth": {"noise": 0.5, "at": [0, 1]}}
    sample = pd.read_csv(dataset.public / "sample_submission.csv")
    assert sample["id"].tolist() == answers["id"].tolist()


def test_size_and_difficulty_reach_the_generator(make_task: MakeTask) -> None:
    folder = family(make_task, TABLES)
    sizes = {size: made(folder, size=size) for size in ("micro", "small", "full")}
    rows = {size: len(pd.read_csv(d.public / "train.csv")) for size, d in sizes.items()}
    assert rows == {"micro": 20, "small": 100, "full": 500}
    assert len({dataset.digest for dataset in sizes.values()}) == 3
    easy = made(folder, difficulty=0)
    assert json.loads((easy.private / "truth.json").read_text())["truth"]["noise"] == 0
    assert easy.digest != sizes["small"].digest


@pytest.mark.parametrize(("asked", "found"), [(30, 30), (100, 100), (5000, 100)])
def test_train_rows_shorten_the_training_table_and_are_clipped(
    make_task: MakeTask, asked: int, found: int
) -> None:
    folder = family(make_task, TABLES)
    dataset, whole = made(folder, train_rows=asked), made(folder)
    train = pd.read_csv(dataset.public / "train.csv")
    assert len(train) == found
    assert set(train["id"]) <= set(pd.read_csv(whole.public / "train.csv")["id"])
    for name in ("public/test.csv", "public/more/people.csv", "private/answers.csv"):
        same = [(d.public.parent / name).read_bytes() for d in (dataset, whole)]
        assert same[0] == same[1]


def test_ordered_training_rows_are_shortened_to_the_last_ones(make_task: MakeTask) -> None:
    changes = {"data": {**GENERATED["data"], "ordered": "a row is a minute"}}
    folder = family(make_task, TABLES, changes)
    train = pd.read_csv(made(folder, train_rows=7).public / "train.csv")
    assert train["id"].tolist() == list(range(94, 101))


def test_an_instance_without_training_table_is_as_it_is(make_task: MakeTask) -> None:
    code = TABLES.replace('"train.csv": train,', '"log.txt": "a line",')
    dataset = made(family(make_task, code), train_rows=5)
    assert (dataset.public / "log.txt").read_text() == "a line"


def test_known_scores_are_the_anchors_of_grades(make_task: MakeTask) -> None:
    dataset = made(family(make_task, TABLES))
    grader = open_grader(dataset)
    assert (grader.anchors.floor, grader.anchors.ceiling, grader.anchors.reference) == (
        0.55, 0.95, 0.9,
    )  # fmt: skip
    answers = pd.read_csv(dataset.private / "answers.csv").drop(columns="Usage")
    grade = grader.grade(answers.to_csv(index=False).encode())
    assert (grade.floor, grade.ceiling, grade.anchored, grade.medal) == (0.55, 0.95, 1.0, "gold")
    assert dataset.anchors.reference == 0.9


def test_a_floor_is_never_below_what_the_sample_scores(make_task: MakeTask) -> None:
    code = TABLES.replace("floor=0.55", "floor=0.01")
    dataset = made(family(make_task, code))
    sample = (dataset.public / "sample_submission.csv").read_bytes()
    grade = open_grader(dataset).grade(sample)
    assert grade.floor == grade.score
    assert (grade.floor or 0) > 0.2


def test_a_variant_may_have_its_own_metric_and_description(make_task: MakeTask) -> None:
    code = TABLES.replace(
        "truth=",
        'task={"description": f"Variant with noise {difficulty}.", "grade": {"metric": "log_loss",'
        ' "worst": 1.0, "best": 0.0}, "submission": {"columns": {"id": "int", "ripe": '
        '"probability"}}},\n        truth=',
    ).replace('thresholds={"gold": 0.9, "silver": 0.8, "bronze": 0.7, "median": 0.6},', "")
    dataset = made(family(make_task, code), difficulty=0.25)
    assert dataset.task.grade.metric == "log_loss"
    assert not dataset.task.grade.higher_is_better
    assert dataset.task.description == "Variant with noise 0.25."
    assert (dataset.public / "description.md").read_text() == "Variant with noise 0.25.\n"
    assert "0.5" in (dataset.public / "sample_submission.csv").read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"train.csv": train', '"../train.csv": train', r"Instance\.public: expected a path below"),
        ('"train.csv": train', '"/train.csv": train', "expected a path below"),
        ('"train.csv": train', '".hidden": train', "expected a path below"),
        ('"train.csv": train', '"a//b": train', "expected a path below"),
        ('"train.csv": train', '"more": train', "'more' is a file and a folder"),
        ('"train.csv": train', '"description.md": "x"', "'description.md' is written by mle_gym"),
        ('"weights.bin"', '"answers.csv"', r"Instance\.private: 'answers.csv' is written by"),
        ("floor=0.55", "floor=float('nan')", r"Instance\.floor: expected a finite score"),
        ("floor=0.55", "inputs={'a.csv': test}, floor=0.55", "only where programs are handed in"),
        ("floor=0.55", "task={'grad': {}}, floor=0.55", "no such field 'grad'.*'grade'"),
        (
            "floor=0.55",
            "task={'grade': {'metric': 'acuracy'}}, floor=0.55",
            r"Instance\.task: grade\.metric: expected .*'accuracy'",
        ),
        ('answers=test[["ripe", "id"]]', "answers=None", "expected it to write private/answers"),
        ('test[["ripe", "id"]]', 'test[["id"]]', "the answers' columns: expected"),
    ],
)
def test_what_contradicts_itself_is_refused(
    make_task: MakeTask, old: str, new: str, message: str
) -> None:
    assert old in TABLES
    with pytest.raises(DatasetError, match=message):
        made(family(make_task, TABLES.replace(old, new)))


def test_an_instance_beside_a_declared_split_is_refused(make_task: MakeTask) -> None:
    changes = {"data": {**GENERATED["data"], "test_size": 10}}
    with pytest.raises(DatasetError, match="expected a table, since the task has a test_size"):
        made(family(make_task, TABLES, changes))


def test_a_table_needs_a_declared_split(make_task: MakeTask) -> None:
    code = PLAIN + "\ndef generate(rng):\n    return made(rng)[0]\n"
    with pytest.raises(DatasetError, match=r"data\.test_size: expected test rows to split off"):
        made(family(make_task, code))


@pytest.mark.parametrize("name", ["size", "difficulty"])
def test_what_a_generator_does_not_know_cannot_be_asked_of_it(
    make_task: MakeTask, name: str
) -> None:
    changes = {"data": {**GENERATED["data"], "test_size": 10}}
    code = PLAIN + "\ndef generate(rng):\n    return made(rng)[0].drop(columns='id')\n"
    value = {"size": "full", "difficulty": 1.0}[name]
    with pytest.raises(DatasetError, match=f"{name}: its generate.py has no parameter '{name}'"):
        made(family(make_task, code, changes), **{name: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "full"}, "size: expected 'small', found 'full': its data are real"),
        ({"difficulty": 0.7}, r"difficulty: expected 0\.5, found 0\.7: its data are real"),
        ({"size": "tiny"}, "size: expected one of 'micro', 'small', 'full', found 'tiny'"),
        ({"difficulty": 1.5}, "difficulty: expected 0 to 1"),
        ({"difficulty": float("nan")}, "difficulty: expected 0 to 1"),
        ({"difficulty": True}, "difficulty: expected a number"),
    ],
)
def test_real_data_have_neither_size_nor_difficulty(
    make_task: MakeTask, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        made(make_task(), **options)


def test_tables_of_any_layout_are_obfuscated_alike(make_task: MakeTask) -> None:
    folder = family(make_task, TABLES)
    plain, hidden = made(folder), made(folder, obfuscate=True)
    train = pd.read_csv(hidden.public / "train.csv")
    people = pd.read_csv(hidden.public / "more" / "people.csv")
    assert next(iter(train.columns)) == "id"
    assert list(train.columns)[-1] == "target"
    assert not set(train.columns) & {"x", "who", "ripe"}
    (shared,) = set(train.columns) & set(people.columns)
    assert set(train[shared]) == set(people[shared])
    assert not set(train[shared]) & {"ann", "bob"}
    before = pd.read_csv(plain.private / "answers.csv")
    after = pd.read_csv(hidden.private / "answers.csv")
    assert (before["ripe"].to_numpy() == after["target"].to_numpy()).all()
    assert open_grader(hidden).anchors.floor == open_grader(plain).anchors.floor


def test_a_layout_with_names_in_other_files_says_why_it_is_not_obfuscated(
    make_task: MakeTask,
) -> None:
    code = TABLES.replace('"train.csv": train,', '"train.csv": train, "log.txt": "ripe",')
    with pytest.raises(DatasetError, match=r"files other than tables, .*: log\.txt"):
        made(family(make_task, code), obfuscate=True)


PROGRAMS = (
    PLAIN
    + """
def generate(rng, size, difficulty):
    train, test = made(rng, size, difficulty)
    more = pd.DataFrame({"who": ["ann", "bob"], "age": [30, 40]})
    return Instance(
        public={"train.csv": train, "test.csv": train[["id", "x", "who"]].head(5), "p.csv": more},
        inputs={"test.csv": test[["id", "x", "who"]], "p.csv": more.assign(age=[31, 41])},
        answers=test[["id", "ripe"]],
    )
"""
)
CODE = {
    "submission": {
        "kind": "code",
        "filename": "predict.py",
        "columns": {"id": "int", "ripe": {"values": [0, 1]}},
        "code": {"entry": "predict.py"},
    }
}


@pytest.mark.parametrize("obfuscate", [False, True])
def test_inputs_are_for_programs_alone(make_task: MakeTask, obfuscate: bool) -> None:
    dataset = made(family(make_task, PROGRAMS, CODE), obfuscate=obfuscate)
    shown, asked = (pd.read_csv(d / "test.csv") for d in (dataset.public, dataset.inputs))
    answers = pd.read_csv(dataset.private / "answers.csv")
    assert list(shown.columns) == list(asked.columns)
    assert asked["id"].tolist() == answers["id"].tolist()
    assert not set(shown["id"]) & set(asked["id"])
    for folder, table in ((dataset.public, shown), (dataset.inputs, asked)):
        sample = pd.read_csv(folder / "sample_submission.csv")
        assert sample["id"].tolist() == table["id"].tolist()
    ages = [
        pd.read_csv(d / "p.csv").max(numeric_only=True).max()
        for d in (dataset.public, dataset.inputs)
    ]
    assert ages == [40, 41]
    texts = [(d / "description.md").read_text() for d in (dataset.public, dataset.inputs)]
    assert texts[0] == texts[1]
    train = [(d / "train.csv").read_bytes() for d in (dataset.public, dataset.inputs)]
    assert train[0] == train[1]


STRUCTURES = (
    PLAIN
    + """
STRUCTURES = {"link": ("add", "mult"), "gaps": (False, True), "site": ("a", "b", "c")}

def generate(rng, structure):
    train, test = made(rng)
    return Instance(
        public={"train.csv": train, "test.csv": test[["id", "x"]]},
        answers=test[["id", "ripe"]], truth=structure,
    )
"""
)


def structures(folder: Path, variants: range) -> list[tuple[Any, ...]]:
    from mle_gym.datasets.sources.generated import structure_of

    task = load_task(folder)
    return [tuple(structure_of(task, variant).values()) for variant in variants]


@pytest.mark.parametrize("secret", ["", "a secret of this laboratory"])
@pytest.mark.parametrize("first", [-30, -12, -5, 0, 1, 2**40])
def test_structures_are_dealt_in_balance(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch, first: int, secret: str
) -> None:
    monkeypatch.setenv("MLE_GYM_SECRET", secret)
    dealt = structures(family(make_task, STRUCTURES), range(first, first + 12))
    assert len(set(dealt)) == 12


def test_nobody_knows_which_variant_has_which_structure(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = family(make_task, STRUCTURES)
    plain = structures(folder, range(12))
    assert plain != sorted(plain)
    monkeypatch.setenv("MLE_GYM_SECRET", "a secret of this laboratory")
    secret = structures(folder, range(12))
    assert secret[0] == plain[0]
    assert secret != plain
    monkeypatch.delenv("MLE_GYM_SECRET")
    (folder / "key").write_text("ab" * 32)
    assert structures(folder, range(12)) != plain


def test_the_generator_gets_what_the_private_notes_say(make_task: MakeTask) -> None:
    folder = family(make_task, STRUCTURES)
    for variant in (0, 5, -7):
        told = json.loads((made(folder, variant=variant).private / "truth.json").read_text())
        assert told["structure"] == told["truth"]
        assert (
            tuple(told["structure"].values()) == structures(folder, range(variant, variant + 1))[0]
        )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('("add", "mult")', '("add",)', "STRUCTURES: link: expected two values or more"),
        ("STRUCTURES = {", "STRUCTURES = [] or {} and {", "STRUCTURES: expected a mapping"),
        ("(rng, structure)", "(rng)", "expected STRUCTURES and generate's parameter 'structure'"),
        (
            "(rng, structure)",
            "(rng, structure, n)",
            "expected generate.rng, .* with any of variant",
        ),
    ],
)
def test_broken_structures_are_named(make_task: MakeTask, old: str, new: str, message: str) -> None:
    assert old in STRUCTURES
    with pytest.raises(Exception, match=message) as caught:
        made(family(make_task, STRUCTURES.replace(old, new)))
    assert "generate.py" in str(caught.value)


def test_the_same_options_give_the_same_bytes(make_task: MakeTask, tmp_path: Path) -> None:
    from mle_gym.datasets.build import build

    folder = family(make_task, TABLES)
    options = DatasetOptions(4, size="micro", difficulty=0.9)
    first = made(folder, variant=4, size="micro", difficulty=0.9).public
    (tmp_path / "again").mkdir()
    build(load_task(folder), options, tmp_path / "again")
    for file in first.rglob("*.csv"):
        assert (
            tmp_path / "again/public" / file.relative_to(first)
        ).read_bytes() == file.read_bytes()
    assert np.isfinite(pd.read_csv(first / "train.csv")["x"]).all()

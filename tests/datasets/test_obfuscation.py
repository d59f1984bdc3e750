from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.errors import DatasetError
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.tasks.catalog import load_task
from tests.task_folders import MakeTask

PLAIN, HIDDEN = DatasetOptions(), DatasetOptions(obfuscate=True)


def pair(folder: Path) -> tuple[Dataset, Dataset]:
    task = load_task(folder)
    return prepare(task, PLAIN), prepare(task, HIDDEN)


def read(dataset: Dataset, name: str) -> pd.DataFrame:
    folder = dataset.private if name == "answers.csv" else dataset.public
    return pd.read_csv(folder / name)


def code_of(hidden: Dataset, name: str) -> str:
    """The column that has the same numbers, or a code for each of the same texts."""
    plain = read(prepare(load_task(hidden.task.folder), PLAIN), "train.csv")[name]
    coded = read(hidden, "train.csv").drop(columns=["id", "target"])

    def same(column: pd.Series[Any]) -> bool:
        if pd.api.types.is_numeric_dtype(plain) or pd.api.types.is_numeric_dtype(column):
            return column.equals(plain)
        return pd.factorize(column)[0].tolist() == pd.factorize(plain)[0].tolist()

    (code,) = (column for column in coded if same(coded[column]))
    return str(code)


def colour_task(make_task: MakeTask, **changes: Any) -> Path:
    values = {"values": ["red", "green", "yellow"], "sample": "green"}
    return make_task(
        {
            "data": {"target": "colour"},
            "submission": {"columns": {"ripe": None, "colour": values}},
            "grade": {"metric": "accuracy"},
            **changes,
        }
    )


def test_names_are_codes_and_numbers_stay(make_task: MakeTask) -> None:
    plain, hidden = pair(make_task())
    train, coded = read(plain, "train.csv"), read(hidden, "train.csv")
    assert list(coded) == ["id", "f01", "f02", "f03", "f04", "f05", "target"]
    assert coded[code_of(hidden, "weight")].equals(train["weight"])
    assert coded["target"].equals(train["ripe"])
    colours = coded[code_of(hidden, "colour")]
    assert set(colours) == {"c01", "c02", "c03"}
    assert pd.crosstab(train["colour"], colours).gt(0).sum().tolist() == [1, 1, 1]
    assert hidden.task.title == "Tabular classification"
    assert hidden.task.description != plain.task.description
    assert (hidden.public / "description.md").read_text().strip() == hidden.task.description
    assert hidden.task.id == "fruit"


def test_codes_come_from_the_key_and_columns_are_in_their_order(make_task: MakeTask) -> None:
    folder, seen = make_task(), set()
    for variant in range(8):
        hidden = prepare(load_task(folder), DatasetOptions(variant, obfuscate=True))
        coded = read(hidden, "train.csv")
        features = coded.columns.drop(["id", "target"])
        assert list(features) == sorted(features)
        kinds = tuple(str(coded[name].dtype) + str(coded[name].nunique()) for name in features)
        seen.add(kinds)
    assert len(seen) > 4


def test_words_of_longer_texts_are_replaced_one_by_one(make_task: MakeTask) -> None:
    plain, hidden = pair(make_task())
    for file in ("train.csv", "test.csv"):
        text = (hidden.public / file).read_text()
        assert not re.search("fruit|orchard|red|green|yellow|weight|ripe", text, re.I)
    names = read(plain, "train.csv")["name"]
    coded = read(hidden, "train.csv")[code_of(hidden, "name")]
    assert names.nunique() == coded.nunique()
    assert coded.str.fullmatch(r"w\d{4} w\d{4}\. w\d{4} w\d{4} w\d{4} w\d{4}").all()
    orchard = names.str.split().str[-1]
    assert pd.crosstab(orchard, coded.str.split().str[-1]).gt(0).sum().eq(1).all()


def test_the_same_codes_in_every_file(make_task: MakeTask) -> None:
    plain, hidden = pair(colour_task(make_task))
    rows = [
        (read(dataset, name)["colour" if dataset is plain else "target"])
        for name in ("train.csv", "answers.csv", "sample_submission.csv")
        for dataset in (plain, hidden)
    ]
    codes = dict(zip(pd.concat(rows[::2]), pd.concat(rows[1::2]), strict=True))
    assert sorted(codes) == ["green", "red", "yellow"]
    assert sorted(codes.values()) == ["c01", "c02", "c03"]
    column = hidden.task.submission.columns["target"]
    assert (column.values, column.sample) == (("c01", "c02", "c03"), codes["green"])
    assert hidden.task.submission.id == hidden.task.data.id == "id"


def test_grading_is_the_same_with_codes(make_task: MakeTask) -> None:
    plain, hidden = pair(colour_task(make_task))
    for dataset in (plain, hidden):
        answers = read(dataset, "answers.csv").drop(columns="Usage")
        assert PredictionsGrader(dataset).grade(answers.to_csv(index=False).encode()).score == 1.0
    scores = {
        PredictionsGrader(dataset)
        .grade((dataset.public / "sample_submission.csv").read_bytes())
        .score
        for dataset in (plain, hidden)
    }
    assert len(scores) == 1
    wrong = (plain.public / "sample_submission.csv").read_bytes()
    assert not PredictionsGrader(hidden).grade(wrong).valid


def test_classes_share_their_code_with_their_probability(make_task: MakeTask) -> None:
    classes = ["green", "red", "yellow"]
    plain, hidden = pair(
        make_task(
            {
                "data": {"target": "colour"},
                "grade": {"metric": "log_loss", "worst": 1.1, "best": 0.0},
                "submission": {
                    "columns": {"ripe": None} | dict.fromkeys(classes, "probability"),
                    "sum_to_one": classes,
                },
            }
        )
    )
    assert list(hidden.task.submission.columns) == ["id", "c01", "c02", "c03"]
    assert hidden.task.submission.sum_to_one == ("c01", "c02", "c03")
    train, coded = read(plain, "train.csv")["colour"], read(hidden, "train.csv")["target"]
    codes = dict(zip(train, coded, strict=True))
    assert sorted(codes) == classes
    assert sorted(codes.values()) == ["c01", "c02", "c03"]
    assert coded.equals(train.map(codes))
    for name, code in codes.items():
        assert read(hidden, "answers.csv")[code].equals(read(plain, "answers.csv")[name])


def test_names_in_metric_parameters_are_replaced(make_task: MakeTask) -> None:
    names = ["green", "ripe"]
    data = {"target": "state", "rename": {"ripe": "state"}, "labels": {"0": "green", "1": "ripe"}}
    changes = {
        "data": data,
        "submission": {"columns": {"ripe": None, "state": {"values": names}}},
        "grade": {"metric": "f1", "params": {"positive": "ripe"}},
    }
    plain, hidden = pair(make_task(changes))
    states = read(plain, "train.csv")["state"]
    coded = read(hidden, "train.csv")["target"]
    assert set(coded[states == "ripe"]) == {hidden.task.grade.params["positive"]}
    answers = read(hidden, "answers.csv").drop(columns="Usage")
    assert PredictionsGrader(hidden).grade(answers.to_csv(index=False).encode()).score == 1.0


def test_a_task_with_its_own_grader_is_refused(make_task: MakeTask) -> None:
    folder = make_task(files={"grade.py": "def grade(submission, answers): return 1.0"})
    with pytest.raises(DatasetError, match=r"obfuscate: not for a task with its own grade\.py"):
        prepare(load_task(folder), HIDDEN)


@pytest.mark.parametrize("name", ["digits", "glass", "titanic", "wine", "zoo"])
@pytest.mark.slow("it prepares many tasks")
def test_built_in_tasks_keep_no_telling_name(name: str) -> None:
    plain, hidden = prepare(name, PLAIN), prepare(name, HIDDEN)
    train = read(plain, "train.csv")
    telling = {str(column).lower() for column in train} - {"id", "image", "name", "class"}
    telling |= {name, plain.task.title.lower()}
    for column in train.select_dtypes(exclude="number").columns.difference(["image"]):
        texts = set(train[column].dropna().map(str).str.lower())
        telling |= {text for text in texts if len(text) > 3 and not text.isdigit()}
    shown = hidden.task.description.lower() + hidden.task.title.lower()
    for file in hidden.public.glob("*.csv"):
        shown += file.read_text().lower()
    suspects = {text for text in telling if text in shown}
    assert not {text for text in suspects if re.search(rf"\b{re.escape(text)}\b", shown)}
    assert re.search(r"\bf01\b", shown)
    answers = read(hidden, "answers.csv").drop(columns="Usage")
    assert PredictionsGrader(hidden).grade(answers.to_csv(index=False).encode()).normalized > 0.9999

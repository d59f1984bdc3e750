"""Kaggle's competitions of tables and texts under codes, on made-up raw data."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from mle_gym.errors import DatasetError
from mle_gym.grading.grader import Grader
from mle_gym.sandbox.base import Limits
from mle_gym.tasks.anonymize import KINDS
from mle_gym.tasks.brief import brief
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.dataset import Dataset, DatasetOptions, prepare
from tests.envs.test_competitions import COMPETITIONS, made

CODED = [name for name in COMPETITIONS if load_task(name).kind in KINDS]
OTHERS = sorted(set(COMPETITIONS) - set(CODED))
COMMON = {"id", "text", "date", "data", "images", "train", "test", "name", "class", "target"}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is here but what a test makes."""
    monkeypatch.setenv("MLE_GYM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.delenv("MLE_GYM_RAW", raising=False)


def text_of(dataset: Dataset) -> str:
    """The brief."""
    settings = {"feedback": "validate", "max_steps": 9, "time_limit": 99.0, "score_calls": 0}
    return brief(dataset, limits=Limits(), **settings)


@pytest.mark.filterwarnings("ignore:.*these raw data are not those")
@pytest.mark.parametrize("name", CODED)
def test_no_name_of_the_competition_is_left(name: str, tmp_path: Path) -> None:
    plain = made(name, tmp_path / "raw")
    hidden = prepare(load_task(name), DatasetOptions(obfuscate=True), source=tmp_path / "raw")
    shown = re.sub(r"such as '.*?' \|", "", text_of(hidden)).lower()  # texts stay as they are
    assert "kaggle" not in shown
    assert "mle-bench" not in shown
    words = {name, plain.task.title.lower(), *map(str.lower, plain.task.submission.columns)}
    words |= {str(column).lower() for file in plain.public.glob("*.csv") for column in read(file)}
    left = {word for word in words - COMMON if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", shown)}
    assert {word for word in left if not re.fullmatch(r"[cf]\d+", word)} == set()
    files = {path.name for path in hidden.public.iterdir() if path.is_file()}
    assert files == {"description.md", "train.csv", "test.csv", "sample_submission.csv"}
    answers = read(hidden.private / "answers.csv")
    theirs = read(plain.private / "answers.csv")[plain.task.submission.id]
    assert answers["id"].tolist() != theirs.tolist()
    assert set(answers["id"]) <= set(read(hidden.public / "test.csv")["id"])
    perfect = answers.drop(columns="Usage").to_csv(index=False).encode()
    assert Grader(hidden).grade(perfect).normalized == pytest.approx(1.0, abs=1e-4)
    sample = Grader(hidden).grade((hidden.public / "sample_submission.csv").read_bytes())
    assert sample.valid, sample.error_message


@pytest.mark.parametrize("name", OTHERS)
def test_files_that_tell_where_they_come_from_are_refused(name: str) -> None:
    with pytest.raises(DatasetError, match="obfuscate: of Kaggle's competitions only those"):
        prepare(load_task(name), DatasetOptions(obfuscate=True))


@pytest.mark.filterwarnings("ignore:.*these raw data are not those")
@pytest.mark.parametrize("name", ["leaf-classification", "spooky-author-identification"])
def test_a_class_and_its_probability_share_their_code(name: str, tmp_path: Path) -> None:
    plain = made(name, tmp_path / "raw")
    hidden = prepare(load_task(name), DatasetOptions(obfuscate=True), source=tmp_path / "raw")
    column = {"leaf-classification": "species", "spooky-author-identification": "author"}[name]
    labels, codes = (
        read(each.public / "train.csv")[named]
        for each, named in ((plain, column), (hidden, "target"))
    )
    truth, coded = (read(each.private / "answers.csv") for each in (plain, hidden))
    assert set(codes) <= set(hidden.task.submission.predicted)
    for label, code in zip(labels, codes, strict=True):
        assert truth[label].tolist() == coded[code].tolist()


@pytest.mark.filterwarnings("ignore:.*these raw data are not those")
def test_files_are_called_after_the_new_ids(tmp_path: Path) -> None:
    name = "leaf-classification"
    plain = made(name, tmp_path / "raw")
    hidden = prepare(load_task(name), DatasetOptions(obfuscate=True), source=tmp_path / "raw")
    old, new = (read(each.public / "test.csv")["id"] for each in (plain, hidden))
    for before, after in zip(old, new, strict=True):
        content = (plain.public / "images" / f"{before}.jpg").read_bytes()
        file = hidden.public / "images" / f"{after}.jpg"
        assert file.read_bytes() == content
        assert file.stat().st_nlink == 1


@pytest.mark.filterwarnings("ignore:.*these raw data are not those")
def test_a_comment_that_is_its_own_id_stays_readable(tmp_path: Path) -> None:
    name = "detecting-insults-in-social-commentary"
    plain = made(name, tmp_path / "raw")
    hidden = prepare(load_task(name), DatasetOptions(obfuscate=True), source=tmp_path / "raw")
    test = read(hidden.public / "test.csv")
    assert test["id"].str.fullmatch(r"r\d+").all()
    comments = read(plain.public / "test.csv")["Comment"].tolist()
    assert comments in [test[column].tolist() for column in test.columns]


def read(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype=str, keep_default_na=False)

"""Kaggle's competitions, end to end, on made-up raw data of their exact shape."""

from __future__ import annotations

import re
import shutil
import warnings
import zipfile
from pathlib import Path

import gymnasium
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

import mle_gym
from mle_gym.authoring.validate_task import validate_task
from mle_gym.datasets.dataset import MLE_BENCH, Dataset
from mle_gym.datasets.prepare import has_variants, prepare
from mle_gym.datasets.sources.kaggle.raw_files import download_folder
from mle_gym.datasets.splits import resplit
from mle_gym.datasets.tables import read_csv
from mle_gym.grading.graders.parity import ParityGrader
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.hooks import load_hook
from tests.envs.made_competitions import (
    COMPETITIONS,
    QUICK,
    WHY,
    files_of,
    made,
    prepared_by_mle_bench,
)
from tests.envs.melanoma_records import features, read_records, texts
from tests.envs.raw_data import MAKERS
from tests.tiers import few_quick

pytestmark = pytest.mark.usefixtures("empty_machine")

FLOOR = "the sample submission is valid and scores the floor"
"""The one check that only Kaggle's own data can pass."""


@pytest.fixture(params=few_quick(COMPETITIONS, QUICK[:1], WHY))
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    """A competition's dataset of made-up raw data."""
    return made(request.param, tmp_path / "raw")


def test_every_competition_has_made_up_data() -> None:
    assert {load_task(name).data.ref for name in COMPETITIONS} == set(MAKERS)


@pytest.mark.bubblewrap
@pytest.mark.filterwarnings("ignore:.*these raw data are not those")
def test_it_is_sound_and_can_be_played(dataset: Dataset) -> None:
    task = dataset.task
    failed = [check for check in validate_task(task.folder, run_programs=False) if not check.passed]
    assert [check for check in failed if check.name != FLOOR] == []
    assert all("measured" in check.detail for check in failed)
    with gymnasium.make(task.env_id) as env:
        record = mle_gym.rollout(env, mle_gym.load_agent("baseline"), seed=0)
    assert record.grade["valid"], (record.grade["error_message"], record.steps[-1].observation)
    assert record.grade["rows"] == len(read_csv(dataset.private / "answers.csv"))
    assert perfect_by_parity(dataset) == task.grade.best


WITHOUT_VARIANTS = {"siim-isic-melanoma-classification"}


@pytest.mark.parametrize(
    "name", few_quick(sorted(set(COMPETITIONS) - WITHOUT_VARIANTS), QUICK, WHY)
)
def test_a_variant_shows_nothing_of_the_canonical_test(name: str, tmp_path: Path) -> None:
    canonical = made(name, tmp_path / "raw")
    shown = {path: marks(path, content) for path, content in files_of(canonical.public)}
    asked = [at for at in shown if re.search("test|sample", at.lower())]
    secret = set().union(*(shown[at] for at in asked))
    secret -= set().union(*(shown[at] for at in shown.keys() - asked))
    assert secret or name == "mlsp-2013-birds"  # if all files are in the same folders
    variants = [made(name, tmp_path / "raw", variant) for variant in (1, 2)]
    for variant in variants:
        for path, content in files_of(variant.public):
            assert not secret & marks(path, content), path
        assert len(read_csv(variant.private / "answers.csv"))
    first, second = (dict(files_of(variant.private)) for variant in variants)
    assert first != second


def marks(path: str, content: bytes) -> set[bytes]:
    """What identifies a row or a picture: names and long cells, or the whole."""
    if b"\0" in content:
        cells = [content, Path(path).stem.encode()]
    else:
        cells = re.split(rb'[,"\n]', content.partition(b"\n")[2])
    new_number = re.compile(rb"(?i)[a-z]*_?\d{1,5}")
    return {cell for cell in cells if len(cell) > 6 and not new_number.fullmatch(cell)}


def test_a_birds_variant_has_only_training_recordings(tmp_path: Path) -> None:
    parts = []
    for variant in (0, 1):
        folder = made("mlsp-2013-birds", tmp_path / "raw", variant).public / "essential_data"
        files = read_csv(folder / "rec_id2filename.txt")
        parts.append(read_csv(folder / "CVfolds_2.txt").merge(files, on="rec_id"))
    canonical, other = parts
    assert set(other["filename"]) == set(canonical.loc[canonical["fold"] == 0, "filename"])
    assert 0 < (other["fold"] == 1).sum() < len(other)


def test_variants_need_raw_data_and_a_split_that_can_be_made_again(tmp_path: Path) -> None:
    for name in COMPETITIONS:
        assert has_variants(load_task(name)) == (name not in WITHOUT_VARIANTS)
    (name,) = WITHOUT_VARIANTS
    with pytest.raises(mle_gym.errors.DatasetError, match="expected 0, found 1"):
        made(name, tmp_path / "raw", 1)
    bench = tmp_path / "bench"
    canonical = made("spooky-author-identification", tmp_path / "spooky")
    for part in ("public", "private"):
        shutil.copytree(getattr(canonical, part), bench / "prepared" / part)
    with pytest.raises(mle_gym.errors.DatasetError, match="variants are split from raw data"):
        made("spooky-author-identification", bench, 1)


def perfect_by_parity(dataset: Dataset) -> float | None:
    """The score of MLE-bench's own answers as a submission to MLE-bench."""
    theirs = dataset.private / MLE_BENCH
    file = theirs if theirs.is_file() else dataset.private / "answers.csv"
    columns = list(dataset.task.submission.columns)
    texts = [name for name in columns if dataset.task.submission.columns[name].type == "str"]
    table = read_csv(file, text=texts)[columns]
    grade = ParityGrader(dataset).grade(table.to_csv(index=False).encode())
    assert grade.valid, grade.error_message
    return grade.score


def test_without_data_reset_says_how_to_get_them() -> None:
    for name in COMPETITIONS:
        env = gymnasium.make(load_task(name).env_id)
        with pytest.raises(mle_gym.errors.DatasetError, match=f"mle-gym prepare {name} --from"):
            env.reset()


@pytest.mark.slow("it prepares and plays a competition")
def test_rows_that_kaggle_never_scored_count_nowhere(tmp_path: Path) -> None:
    dataset = made("jigsaw-toxic-comment-classification-challenge", tmp_path / "raw")
    answers = read_csv(dataset.private / "answers.csv")
    assert answers["Usage"].value_counts().to_dict() == {"Private": 100, "Ignored": 50}
    guess = answers.drop(columns="Usage")
    guess.loc[answers["Usage"] == "Ignored", guess.columns[1:]] = 1
    assert mle_gym.grade(dataset.task, guess).score == 1.0


def test_a_comment_that_occurs_twice_is_asked_for_once(tmp_path: Path) -> None:
    dataset = made("detecting-insults-in-social-commentary", tmp_path / "raw")
    assert len(read_csv(dataset.public / "test.csv")) == 20
    assert len(read_csv(dataset.private / "answers.csv")) == 19


def test_words_that_look_like_missing_values_stay(tmp_path: Path) -> None:
    dataset = made("text-normalization-challenge-english-language", tmp_path / "raw")
    answers = read_csv(dataset.private / "answers.csv", text=["after"])
    assert {"NA", "null", '"'} <= set(answers["after"])
    with zipfile.ZipFile(dataset.public / "en_train.csv.zip") as archive:
        lines = archive.read("en_train.csv").decode().splitlines()
    assert lines[0] == '"sentence_id","token_id","class","before","after"'
    assert any(line.endswith(',"PLAIN","NA","NA"') for line in lines)


@pytest.mark.parametrize(("bucket", "variant"), [(700, 0), (10**6, 0), (700, 1)])
def test_the_taxi_rides_lie_where_scikit_learn_puts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: int, variant: int
) -> None:
    raw, public, private = (tmp_path / name for name in ("raw", "public", "private"))
    for folder in (raw, public, private):
        folder.mkdir()
    name = "new-york-city-taxi-fare-prediction"
    MAKERS[name](raw, np.random.default_rng(0))
    table = pd.read_csv(raw / "train.csv").tail(1500)
    table.to_csv(raw / "train.csv", index=False)
    prepare_taxi = load_hook(load_task(name).folder / "prepare.py", "prepare")
    small = {"BUCKET": bucket, "CHUNK": bucket // 3, "TEST_ROWS": 100}
    for constant, value in small.items():
        monkeypatch.setitem(prepare_taxi.__globals__, constant, value)
    again = resplit(load_task(name), variant)
    prepare_taxi(raw, public, private, np.random.default_rng(0), again)
    train, test = again(*train_test_split(table, test_size=100, random_state=0))
    pd.testing.assert_frame_equal(pd.read_csv(public / "labels.csv"), train.reset_index(drop=True))
    asked = pd.read_csv(public / "test.csv")
    pd.testing.assert_frame_equal(asked, test.drop(columns="fare_amount").reset_index(drop=True))
    fares = pd.read_csv(private / "answers.csv")["fare_amount"]
    assert fares.tolist() == test["fare_amount"].tolist()
    assert [path.name for path in private.iterdir()] == ["answers.csv"]


def test_a_melanoma_s_label_is_in_no_record_of_the_test(tmp_path: Path) -> None:
    name = "siim-isic-melanoma-classification"
    dataset = made(name, tmp_path / "raw")
    files = sorted(file.name for file in (dataset.public / "tfrecords").iterdir())
    assert files[:2] == ["test00-2071.tfrec", "test01-2071.tfrec"]
    assert files[2:] == [f"train{at:02d}-2071.tfrec" for at in range(6)]
    answers = read_csv(dataset.private / "answers.csv")
    found = []
    for file in (dataset.public / "tfrecords").glob("test*.tfrec"):
        for record in read_records(file):
            named = features(record)
            assert named.keys() == {"image", "image_name"}
            found.append(texts(named["image_name"])[0].decode())
    assert sorted(found) == sorted(answers["image_name"])
    for file in (dataset.public / "tfrecords").glob("train*.tfrec"):
        assert all("target" in features(record) for record in read_records(file))


@pytest.mark.slow("it makes up and prepares pictures in two formats")
def test_a_melanoma_s_label_is_taken_out_of_what_mle_bench_prepared(tmp_path: Path) -> None:
    name = "siim-isic-melanoma-classification"
    dataset = made(name, tmp_path / "raw")
    prepared = prepared_by_mle_bench(dataset, tmp_path / "bench" / name)
    original = prepared / "public" / "tfrecords" / "test00-2071.tfrec"
    shutil.copyfile(tmp_path / "raw" / "tfrecords" / "train00-2071.tfrec", original)
    before = original.read_bytes()
    again = adopted(name, tmp_path / "bench")
    for record in read_records(again.public / "tfrecords" / "test00-2071.tfrec"):
        assert features(record).keys() == {"image", "image_name"}
    assert original.read_bytes() == before
    assert (again.private / "answers.csv").read_bytes() == (
        dataset.private / "answers.csv"
    ).read_bytes()


def test_a_giver_of_pizza_is_named_nowhere_in_the_test(tmp_path: Path) -> None:
    name = "random-acts-of-pizza"
    dataset = made(name, tmp_path / "raw")
    assert "generous" in (dataset.public / "train.json").read_text()
    assert "generous" not in (dataset.public / "test.json").read_text()
    prepared = prepared_by_mle_bench(dataset, tmp_path / "bench" / name)
    original = prepared / "public" / "test.json"
    original.write_text(original.read_text().replace('"N/A"', '"generous"', 1))
    before = original.read_bytes()
    again = adopted(name, tmp_path / "bench")
    assert (again.public / "test.json").read_text() == (dataset.public / "test.json").read_text()
    with zipfile.ZipFile(again.public / "test.zip") as archive:
        assert b"generous" not in archive.read("test.json")
    assert original.read_bytes() == before


def adopted(name: str, source: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*these raw data are not those")
        return prepare(load_task(name), source=source)


@pytest.mark.parametrize(
    "name", ["dogs-vs-cats-redux-kernels-edition", "plant-pathology-2020-fgvc7"]
)
def test_renamed_pictures_tell_nothing_by_their_inodes_and_times(name: str, tmp_path: Path) -> None:
    dataset = made(name, tmp_path / "raw")
    raw = {path.stat().st_ino for path in (tmp_path / "raw").rglob("*.jpg")}
    for path in dataset.public.rglob("*.jpg"):
        same = path.name in {other.name for other in (tmp_path / "raw").rglob("*.jpg")}
        assert same or path.stat().st_ino not in raw
    for file in dataset.public.glob("*.zip"):
        with zipfile.ZipFile(file) as archive:
            assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_leaderboard_that_was_downloaded_gives_ranks(tmp_path: Path) -> None:
    dataset = made("spooky-author-identification", tmp_path / "raw")
    sample = (dataset.public / "sample_submission.csv").read_bytes()
    before = mle_gym.grade(dataset.task, sample)
    assert (before.rank, before.percentile) == (None, None)
    board = download_folder("spooky-author-identification")
    board.mkdir(parents=True)
    (board / "leaderboard.csv").write_text("score\n0.01\n0.5\n3.0\n9.0\n")
    after = mle_gym.grade(dataset.task, sample)
    assert (after.rank, after.percentile) == (3, 0.5)
    assert after.thresholds == before.thresholds == dataset.task.medals.thresholds

"""Kaggle's competitions under codes, on made-up raw data."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.episode.brief.whole_brief import brief
from mle_gym.errors import DatasetError
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.sandbox.limits import Limits
from mle_gym.tasks.catalog import load_task
from tests.envs.made_competitions import COMPETITIONS, QUICK, WHY, files_of, made
from tests.tiers import few_quick

pytestmark = pytest.mark.usefixtures("empty_machine")

SUFFIX = r"\.(jpg|aif)$"
WITHOUT_TABLES = {"denoising-dirty-documents"}
WITH_FILES = (
    "aerial-cactus-identification",
    "aptos2019-blindness-detection",
    "dog-breed-identification",
    "dogs-vs-cats-redux-kernels-edition",
    "histopathologic-cancer-detection",
    "leaf-classification",
    "plant-pathology-2020-fgvc7",
    "ranzcr-clip-catheter-line-classification",
    "siim-isic-melanoma-classification",
    "the-icml-2013-whale-challenge-right-whale-redux",
)
"""Those with a picture or a sound for each row."""
COMMON = {"id", "text", "date", "data", "images", "train", "test", "name", "class", "target"}
COMMON |= {"value", "probability"}


def text_of(dataset: Dataset) -> str:
    """The brief."""
    settings = {"feedback": "validate", "max_steps": 9, "time_limit": 99.0, "score_calls": 0}
    return brief(dataset, clock="wall", limits=Limits(), **settings)


@pytest.mark.filterwarnings("ignore:.*these raw data are not those")
@pytest.mark.parametrize("name", few_quick(COMPETITIONS, QUICK, WHY))
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
    tables = {"train.csv", "test.csv"} if name not in WITHOUT_TABLES else set()
    assert files == {"description.md", "sample_submission.csv"} | tables
    answers = read(hidden.private / "answers.csv")
    theirs = read(plain.private / "answers.csv")[plain.task.submission.id]
    assert answers["id"].tolist() != theirs.tolist()
    if tables:
        assert set(answers["id"]) <= set(read(hidden.public / "test.csv")["id"])
    perfect = answers.drop(columns="Usage").to_csv(index=False).encode()
    assert PredictionsGrader(hidden).grade(perfect).normalized == pytest.approx(1.0, abs=1e-4)
    sample = PredictionsGrader(hidden).grade((hidden.public / "sample_submission.csv").read_bytes())
    assert sample.valid, sample.error_message


@pytest.mark.filterwarnings("ignore:.*these raw data are not those")
@pytest.mark.parametrize("name", few_quick(COMPETITIONS, QUICK, WHY))
def test_what_mle_bench_prepared_stays_as_it_is(name: str, tmp_path: Path) -> None:
    plain = made(name, tmp_path / "raw")
    bench = tmp_path / "bench" / name
    for part in ("public", "private"):  # readable by all, so that files are linked, not copied
        shutil.copytree(getattr(plain, part), bench / "prepared" / part)
    for path in bench.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    before = contents(bench) | contents(tmp_path / "raw")
    hidden = prepare(load_task(name), DatasetOptions(obfuscate=True), source=bench)
    assert (hidden.public / "sample_submission.csv").read_text().startswith("id,")
    assert contents(bench) | contents(tmp_path / "raw") == before


@pytest.mark.slow("it makes up and prepares pictures in two formats")
@pytest.mark.filterwarnings("ignore:.*these raw data are not those")
def test_a_folder_that_lacks_something_is_named(tmp_path: Path) -> None:
    name = "siim-isic-melanoma-classification"
    plain = made(name, tmp_path / "raw")
    bench = tmp_path / "bench" / name
    for part in ("public", "private"):
        shutil.copytree(getattr(plain, part), bench / "prepared" / part)
    shutil.rmtree(bench / "prepared" / "public" / "jpeg")
    with pytest.raises(DatasetError, match=r"prepare.py: plain\(\) failed: .*jpeg"):
        prepare(load_task(name), DatasetOptions(obfuscate=True), source=bench)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
@pytest.mark.parametrize("name", few_quick(WITH_FILES, WITH_FILES[:1], WHY))
def test_files_are_called_after_the_new_ids(name: str, tmp_path: Path) -> None:
    plain = made(name, tmp_path / "raw")
    hidden = prepare(load_task(name), DatasetOptions(obfuscate=True), source=tmp_path / "raw")
    old_answers, new_answers = (read(each.private / "answers.csv") for each in (plain, hidden))
    there = {Path(at).stem: content for at, content in files_of(plain.public)}
    if name.startswith("dogs"):  # ids of train and test start again
        there = {path.stem: path.read_bytes() for path in (plain.public / "test").iterdir()}
    media = [path for path in hidden.public.rglob("*") if path.is_file() and path.suffix != ".csv"]
    now = {path.stem: path for path in media if path.suffix != ".md"}
    old_ids, new_ids = (
        table.iloc[:, 0].str.replace(SUFFIX, "", regex=True) for table in (old_answers, new_answers)
    )
    for before, after in zip(old_ids, new_ids, strict=True):
        file = now[after]
        assert file.stat().st_nlink == 1
        if name.startswith("siim"):  # there are a DICOM and a JPEG file of it
            assert file.parent.name == "test"
        else:
            assert file.read_bytes() == there[before]
    written = sorted(now.values(), key=lambda path: (path.stat().st_mtime_ns, path))
    assert written == sorted(written)  # in an order that reveals nothing
    table = read(hidden.public / "train.csv")
    assert set(table["id"].str.replace(SUFFIX, "", regex=True)) | set(new_ids) == set(now)
    assert not set(now) & (set(there) - set(map(str, range(10_000))))


@pytest.mark.filterwarnings("ignore:.*these raw data are not those")
def test_labels_in_names_become_a_column(tmp_path: Path) -> None:
    name = "dogs-vs-cats-redux-kernels-edition"
    plain = made(name, tmp_path / "raw")
    hidden = prepare(load_task(name), DatasetOptions(obfuscate=True), source=tmp_path / "raw")
    shows = {path.read_bytes(): path.name[:3] for path in (plain.public / "train").iterdir()}
    for row in read(hidden.public / "train.csv").itertuples():
        content = (hidden.public / "train" / f"{row.id}.jpg").read_bytes()
        assert shows[content] == {"0": "cat", "1": "dog"}[row.target]


@pytest.mark.filterwarnings("ignore:.*these raw data are not those")
@pytest.mark.parametrize("name", ["mlsp-2013-birds", "denoising-dirty-documents"])
def test_rows_of_one_file_find_it(name: str, tmp_path: Path) -> None:
    plain = made(name, tmp_path / "raw")
    hidden = prepare(load_task(name), DatasetOptions(obfuscate=True), source=tmp_path / "raw")
    answers = read(hidden.private / "answers.csv")
    if name == "mlsp-2013-birds":
        both = [read(hidden.public / f"{part}.csv") for part in ("train", "test")]
        table = pd.concat(both)
        (files,) = (set(table[name]) for name in table if table[name].str.contains("/").all())
        assert {path.relative_to(hidden.public).as_posix() for path in wavs(hidden)} == files
        assert len(files) == len(wavs(plain))
        assert {path.read_bytes() for path in wavs(hidden)} == {
            path.read_bytes() for path in wavs(plain)
        }
    else:
        pages = {path.stem for path in (hidden.public / "test").iterdir()}
        assert {each.partition("_")[0] for each in answers["id"]} == pages
        trained = ({path.stem for path in (hidden.public / at).iterdir()} for at in TRAINED)
        assert next(trained) == next(trained)
        assert not pages & {path.stem for path in plain.public.rglob("*.png")}


TRAINED = ("train", "train_cleaned")


def wavs(dataset: Dataset) -> list[Path]:
    return sorted(dataset.public.rglob("*.wav"))


@pytest.mark.filterwarnings("ignore:.*these raw data are not those")
def test_tokens_stay_readable(tmp_path: Path) -> None:
    name = "text-normalization-challenge-english-language"
    plain = made(name, tmp_path / "raw")
    hidden = prepare(load_task(name), DatasetOptions(obfuscate=True), source=tmp_path / "raw")
    spoken = read(plain.private / "answers.csv")["after"].tolist()
    assert read(hidden.private / "answers.csv")["target"].tolist() == spoken
    assert "`PLAIN`" not in text_of(hidden)


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

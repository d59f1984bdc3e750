"""Raw data in every place and shape in which users have them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from mle_gym.datasets.dataset import Dataset
from mle_gym.datasets.prepare import is_prepared, prepare
from mle_gym.datasets.sources.kaggle import raw_files
from mle_gym.datasets.sources.kaggle.raw_files import download_folder, gather
from mle_gym.datasets.toolkit.competition_files import place
from mle_gym.errors import DatasetError
from mle_gym.tasks.catalog import load_task
from tests.task_folders import MakeTask

NAME = "fruit-classification"
PREPARE = """\
from mle_gym.datasets.toolkit.competition_files import place_all, read_table, write_table

def prepare(raw, public, private, rng):
    table = read_table(raw / "train.csv")
    train, test = table[:-4], table[-4:]
    write_table(train, public / "train.csv")
    write_table(test[["id"]], public / "test.csv")
    write_table(test[["id", "ripe"]], private / "answers.csv")
    place_all({f"{name}.jpg": f"{name}.jpg" for name in test["id"]}, raw / "train", public / "test")
"""
TABLE = pd.DataFrame({"id": range(12), "note": ["NA", "x,y", ""] * 4, "ripe": [0, 1] * 6})


@pytest.fixture(autouse=True)
def no_other_data(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_files.platformdirs, "user_cache_dir", lambda: str(tmp_path / "user"))
    monkeypatch.delenv(raw_files.FOLDERS, raising=False)


@pytest.fixture
def task(make_task: MakeTask) -> Path:
    data = {"loader": "kaggle", "ref": NAME, "files": ["train.csv", "train/*.jpg"]}
    none = {"target": None, "test_size": None, "stratify": None}
    return make_task({"data": data | none | {"test_rows": 4}}, files={"prepare.py": PREPARE})


def unpacked(folder: Path) -> Path:
    """The raw data as files."""
    (folder / "train").mkdir(parents=True)
    TABLE.to_csv(folder / "train.csv", index=False)
    for number in TABLE["id"]:
        (folder / "train" / f"{number}.jpg").write_bytes(b"JPEG %d" % number)
    (folder / "LICENSE").write_text("not needed")
    return folder


def images(prefix: str = "train/") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in TABLE["id"]:
            archive.writestr(f"{prefix}{number}.jpg", b"JPEG %d" % number)
    return buffer.getvalue()


def packed(folder: Path, prefix: str = "train/") -> Path:
    """The raw data as Kaggle's archives."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "train.csv.zip", "w") as archive:
        archive.writestr("train.csv", TABLE.to_csv(index=False))
    (folder / "train.zip").write_bytes(images(prefix))
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def archive_of(folder: Path, file: Path) -> Path:
    """A whole competition as one zip, including the archives inside it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return file


def check(dataset: Dataset) -> None:
    test = dataset.public / "test"
    assert sorted(path.name for path in test.iterdir()) == ["10.jpg", "11.jpg", "8.jpg", "9.jpg"]
    assert (test / "8.jpg").read_bytes() == b"JPEG 8"
    assert (dataset.public / "train.csv").read_text() == TABLE[:-4].to_csv(index=False)
    answers = pd.read_csv(dataset.private / "answers.csv")
    assert answers["ripe"].tolist() == [0, 1, 0, 1]
    assert answers["Usage"].value_counts().sum() == 4


def test_without_data_the_error_says_how_to_get_them(task: Path) -> None:
    with pytest.raises(DatasetError, match="mle-gym prepare fruit --from DIR"):
        prepare(load_task(task))
    assert not is_prepared(load_task(task))


def test_every_shape_gives_the_same_dataset(task: Path, tmp_path: Path) -> None:
    files = unpacked(tmp_path / "files")
    sources = [
        files,
        packed(tmp_path / "archives"),
        packed(tmp_path / "bare", prefix=""),
        archive_of(files, tmp_path / "one.zip"),
        archive_of(tmp_path / "archives", tmp_path / "nested.zip"),
        unpacked(tmp_path / "bench" / NAME / "raw").parent.parent,
    ]
    archive_of(files, tmp_path / "mixed" / f"{NAME}.zip")
    for source in [*sources, tmp_path / "mixed"]:
        dataset = prepare(load_task(task), source=source)
        check(dataset)
        told = dataset.manifest["source"]
        assert told["kind"] == "raw"
        assert all(len(used["sha256"]) == 64 for used in told["used"].values())
    assert names_in(files) == ["LICENSE", "train", "train.csv"]


def test_the_user_s_files_are_linked_and_keep_their_modes(task: Path, tmp_path: Path) -> None:
    files = unpacked(tmp_path / "files")
    (files / "train" / "8.jpg").chmod(0o664)
    (files / "train" / "9.jpg").chmod(0o600)
    dataset = prepare(load_task(task), source=files)
    linked, hidden = (dataset.public / "test" / name for name in ("8.jpg", "9.jpg"))
    assert linked.samefile(files / "train" / "8.jpg")
    assert linked.stat().st_mode & 0o777 == 0o664
    assert not hidden.samefile(files / "train" / "9.jpg")
    assert hidden.stat().st_mode & 0o777 == 0o644
    assert (files / "train" / "9.jpg").stat().st_mode & 0o777 == 0o600


def test_a_file_with_a_new_name_is_a_copy(tmp_path: Path) -> None:
    (tmp_path / "cat.7.jpg").write_bytes(b"x")
    place(tmp_path / "cat.7.jpg", tmp_path / "test" / "1.jpg")
    assert (tmp_path / "test" / "1.jpg").read_bytes() == b"x"
    assert not (tmp_path / "test" / "1.jpg").samefile(tmp_path / "cat.7.jpg")


def test_data_are_found_in_the_usual_places(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = unpacked(tmp_path / "mine" / NAME)
    archive_of(files, download_folder(NAME) / "data.zip")
    unpacked(tmp_path / "user" / "mle-bench" / "data" / NAME / "raw")
    spec = load_task(task)
    found = [source.path for source in raw_files.find_sources(spec)]
    bench = tmp_path / "user" / "mle-bench" / "data" / NAME / "raw"
    assert found == [download_folder(NAME) / "data.zip", bench]
    monkeypatch.setenv(raw_files.FOLDERS, f"{tmp_path / 'nowhere'}:{tmp_path / 'mine'}")
    assert raw_files.find_sources(spec)[0].path == files
    check(prepare(spec))


def test_what_mle_bench_prepared_is_taken_over(task: Path, tmp_path: Path) -> None:
    prepared = tmp_path / "bench" / NAME / "prepared"
    (prepared / "public" / "test").mkdir(parents=True)
    (prepared / "private").mkdir()
    TABLE[:-4].to_csv(prepared / "public" / "train.csv", index=False)
    TABLE[["id"]][-4:].to_csv(prepared / "public" / "test.csv", index=False)
    (prepared / "public" / "description.md").write_text("its own words")
    for number in range(8, 12):
        (prepared / "public" / "test" / f"{number}.jpg").write_bytes(b"JPEG %d" % number)
    TABLE[-4:].to_csv(prepared / "private" / "test.csv", index=False)
    dataset = prepare(load_task(task), source=tmp_path / "bench")
    check(dataset)
    assert dataset.manifest["source"]["kind"] == "prepared"
    assert "its own words" not in (dataset.public / "description.md").read_text()


def test_what_is_missing_is_named(task: Path, tmp_path: Path) -> None:
    files = unpacked(tmp_path / "files")
    (files / "train.csv").unlink()
    with pytest.raises(DatasetError, match=r"files: expected train.csv, found LICENSE, train\n"):
        prepare(load_task(task), source=files)
    with pytest.raises(DatasetError, match="nowhere: expected a folder with the data of fruit"):
        prepare(load_task(task), source=tmp_path / "nowhere")


def test_a_media_file_that_is_missing_is_named(task: Path, tmp_path: Path) -> None:
    files = unpacked(tmp_path / "files")
    (files / "train" / "9.jpg").unlink()
    with pytest.raises(DatasetError, match=r"not complete: there is no .*train/9.jpg"):
        prepare(load_task(task), source=files)


def test_a_damaged_archive_is_named(task: Path, tmp_path: Path) -> None:
    folder = packed(tmp_path / "archives")
    whole = (folder / "train.zip").read_bytes()
    (folder / "train.zip").write_bytes(whole[:-30])
    with pytest.raises(DatasetError, match=r"train.zip: damaged or cut off"):
        prepare(load_task(task), source=folder)
    assert not is_prepared(load_task(task))


def test_other_raw_data_are_warned_about(task: Path, tmp_path: Path) -> None:
    text = (task / "task.toml").read_text().replace('"test_rows" = 4', '"test_rows" = 5')
    (task / "task.toml").write_text(text)
    with pytest.warns(UserWarning, match="expected 5 rows to predict, found 4"):
        prepare(load_task(task), source=unpacked(tmp_path / "files"))


def test_only_a_competition_s_data_can_be_given(make_task: MakeTask, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="source: expected none"):
        prepare(load_task(make_task()), source=tmp_path)


def test_gathering_writes_nothing_into_the_user_s_folder(tmp_path: Path) -> None:
    source = packed(tmp_path / "archives")
    before = names_in(source)
    into = tmp_path / "into"
    into.mkdir()
    used = gather(source, ("train.csv", "train/*.jpg"), into)
    assert used.keys() == {"train.csv.zip", "train.zip"}
    assert names_in(source) == before

"""Two of the sixteen TFRecord files say which lesions are the test set, as in MLE-bench.

Unlike there, the records of the test lose what tells the label: Kaggle's files have it in them.
"""

import shutil
from pathlib import Path

import numpy as np

from mle_gym.datasets.toolkit import place, place_all, read_table, write_table

from .tfrecord import example, features, read_records, texts, write_records

TEST_RECORDS = ("train00-2071.tfrec", "train06-2071.tfrec")
TOLD = ["image_name", "patient_id", "sex", "age_approx", "anatom_site_general_challenge"]
SECRET = {"target", "diagnosis", "benign_malignant"}


def prepare(raw: Path, public: Path, private: Path, rng: np.random.Generator) -> None:
    wanted = {
        texts(features(record)["image_name"])[0].decode()
        for name in TEST_RECORDS
        for record in read_records(raw / "tfrecords" / name)
    }
    table = read_table(raw / "train.csv")
    asked = table["image_name"].isin(wanted)
    train, test = table[~asked], table[asked]
    write_table(train, public / "train.csv")
    write_table(test[TOLD], public / "test.csv")
    write_table(test[["image_name", "target"]], private / "answers.csv")
    for part, rows in (("train", train), ("test", test)):
        for source, target, kind in (("train", part, "dcm"), ("jpeg/train", f"jpeg/{part}", "jpg")):
            names = {f"{name}.{kind}": f"{name}.{kind}" for name in rows["image_name"]}
            place_all(names, raw / source, public / target)
    place_records(raw / "tfrecords", public / "tfrecords")


def place_records(source: Path, target: Path) -> None:
    """All files, train and test numbered anew; the numbers of records stay in the names."""
    target.mkdir()
    counts = {"train": 0, "test": 0}
    for path in sorted(source.glob("train*.tfrec")):
        part = "test" if path.name in TEST_RECORDS else "train"
        new = target / f"{part}{counts[part]:02d}-{path.stem.split('-')[1]}.tfrec"
        counts[part] += 1
        if part == "test":
            write_records(new, (without_label(record) for record in read_records(path)))
        else:
            place(path, new)


def without_label(record: bytes) -> bytes:
    return example({k: value for k, value in features(record).items() if k not in SECRET})


def clean(public: Path) -> None:
    """Take the labels out of the test records that MLE-bench prepared."""
    for path in sorted((public / "tfrecords").glob("test*.tfrec")):
        new = path.with_suffix(".new")
        write_records(new, (without_label(record) for record in read_records(path)))
        new.rename(path)


def plain(public: Path, rng: np.random.Generator) -> str:
    """The JPEG files alone: DICOM and TFRecord files name what they show inside."""
    for name in ("tfrecords", "train", "test"):
        shutil.rmtree(public / name)
    for folder in (public / "jpeg").iterdir():
        folder.rename(public / folder.name)
    return ""

"""A tenth of Kaggle's labelled X-rays is the test set, as in MLE-bench."""

from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from mle_gym.datasets.toolkit import Resplit, place_all, read_table, write_table

ID = "StudyInstanceUID"
SCORED = [
    "ETT - Abnormal",
    "ETT - Borderline",
    "ETT - Normal",
    "NGT - Abnormal",
    "NGT - Borderline",
    "NGT - Incompletely Imaged",
    "NGT - Normal",
    "CVC - Abnormal",
    "CVC - Borderline",
]


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    table = read_table(raw / "train.csv")
    train, test = resplit(*train_test_split(table, test_size=0.1, random_state=0))
    write_table(train, public / "train.csv")
    write_table(test[[ID, *SCORED]], private / "answers.csv")
    notes = read_table(raw / "train_annotations.csv")
    write_table(notes[notes[ID].isin(train[ID])], public / "train_annotations.csv")
    for name, part in (("train", train), ("test", test)):
        names = {f"{one}.jpg": f"{one}.jpg" for one in part[ID]}
        place_all(names, raw / "train", public / name)

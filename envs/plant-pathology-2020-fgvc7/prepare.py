"""A tenth of Kaggle's labelled pictures is the test set; all get new names, as in MLE-bench."""

from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from mle_gym.datasets.toolkit import Resplit, place, read_table, write_table


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    table = read_table(raw / "train.csv")
    parts = resplit(*train_test_split(table, test_size=0.1, random_state=0))
    tables = {}
    for name, part in zip(("Train", "Test"), parts, strict=True):
        names = [f"{name}_{number}" for number in range(len(part))]
        for old, new in zip(part["image_id"], names, strict=True):
            place(raw / "images" / f"{old}.jpg", public / "images" / f"{new}.jpg")
        tables[name] = part.assign(image_id=names)
    write_table(tables["Train"], public / "train.csv")
    write_table(tables["Test"][["image_id"]], public / "test.csv")
    write_table(tables["Test"], private / "answers.csv")

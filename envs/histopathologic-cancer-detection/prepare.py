"""Splits Kaggle's labelled pictures in the proportion of its own test set, as in MLE-bench."""

from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from mle_gym.datasets.toolkit import Resplit, place_all, read_table, write_table


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    table = read_table(raw / "train_labels.csv")
    unlabelled = sum(1 for _ in (raw / "test").glob("*.tif"))
    share = unlabelled / (len(table) + unlabelled)
    parts = resplit(*train_test_split(table["id"], test_size=share, random_state=0))
    train, test = (table[table["id"].isin(part)] for part in parts)  # in the order of the file
    write_table(train, public / "train_labels.csv")
    write_table(test, private / "answers.csv")
    for name, part in zip(("train", "test"), parts, strict=True):
        names = {f"{one}.tif": f"{one}.tif" for one in part}
        place_all(names, raw / "train", public / name)

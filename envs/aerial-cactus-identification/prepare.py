"""19% of Kaggle's labelled pictures are the test set, as in MLE-bench."""

from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from mle_gym.datasets.toolkit import Resplit, below, read_table, write_table, zip_files


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    table = read_table(raw / "train.csv")
    train, test = resplit(*train_test_split(table, test_size=0.19, random_state=0))
    write_table(train, public / "train.csv")
    write_table(test, private / "answers.csv")
    for name, part in (("train.zip", train), ("test.zip", test)):
        zip_files(public / name, ((image, below(raw / "train", image)) for image in part["id"]))

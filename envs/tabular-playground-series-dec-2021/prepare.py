"""A tenth of Kaggle's training rows is the test set, as in MLE-bench."""

from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from mle_gym.datasets.toolkit import Resplit, read_table, write_table


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    table = read_table(raw / "train.csv")
    train, test = resplit(*train_test_split(table, test_size=0.1, random_state=0))
    write_table(train, public / "train.csv")
    write_table(test.drop(columns="Cover_Type"), public / "test.csv")
    write_table(test[["Id", "Cover_Type"]], private / "answers.csv")

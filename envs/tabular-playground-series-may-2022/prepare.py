"""100,000 of Kaggle's training rows are the test set; ids are given anew, as in MLE-bench."""

from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from mle_gym.datasets.toolkit import Resplit, read_table, write_table

TEST_ROWS = 100_000


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    table = read_table(raw / "train.csv")
    train, test = resplit(*train_test_split(table, test_size=TEST_ROWS, random_state=0))
    train = train.assign(id=np.arange(len(train)))
    test = test.assign(id=np.arange(len(train), len(train) + len(test)))
    write_table(train, public / "train.csv")
    write_table(test.drop(columns="target"), public / "test.csv")
    write_table(test[["id", "target"]], private / "answers.csv")

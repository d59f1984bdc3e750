"""19% of Kaggle's labelled pictures are the test set, as in MLE-bench."""

from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from mle_gym.tasks.files import read_table, write_table, zip_files


def prepare(raw: Path, public: Path, private: Path, rng: np.random.Generator) -> None:
    train, test = train_test_split(read_table(raw / "train.csv"), test_size=0.19, random_state=0)
    write_table(train, public / "train.csv")
    write_table(test, private / "answers.csv")
    for name, part in (("train.zip", train), ("test.zip", test)):
        zip_files(public / name, ((image, raw / "train" / image) for image in part["id"]))

"""A tenth of Kaggle's labelled leaves is the test set, as in MLE-bench."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from mle_gym.datasets.toolkit import Resplit, place_all, read_table, write_table


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    table = read_table(raw / "train.csv")
    train, test = resplit(*train_test_split(table, test_size=0.1, random_state=0))
    write_table(train, public / "train.csv")
    write_table(test.drop(columns="species"), public / "test.csv")
    names = [f"{number}.jpg" for number in sorted([*train["id"], *test["id"]])]
    place_all({name: name for name in names}, raw / "images", public / "images")
    species = sorted(set(table["species"]))
    truth = pd.DataFrame({name: (test["species"] == name).astype(int) for name in species})
    write_table(pd.concat([test[["id"]], truth], axis=1), private / "answers.csv")

"""A tenth of Kaggle's labelled pictures is the test set, as in MLE-bench."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from mle_gym.datasets.toolkit import Resplit, place_all, read_table, write_table


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    table = read_table(raw / "labels.csv")
    train, test = resplit(*train_test_split(table, test_size=0.1, random_state=0))
    write_table(train, public / "labels.csv")
    breeds = sorted(set(table["breed"]))
    truth = pd.DataFrame({breed: (test["breed"] == breed).astype(int) for breed in breeds})
    write_table(pd.concat([test[["id"]], truth], axis=1), private / "answers.csv")
    for name, part in (("train", train), ("test", test)):
        names = {f"{one}.jpg": f"{one}.jpg" for one in part["id"]}
        place_all(names, raw / "train", public / name)

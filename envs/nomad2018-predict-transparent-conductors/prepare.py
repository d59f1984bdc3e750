"""A tenth of Kaggle's labelled materials is the test set; both parts are numbered anew from 1."""

from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from mle_gym.datasets.toolkit import Resplit, read_table, write_table

TARGETS = ["formation_energy_ev_natom", "bandgap_energy_ev"]


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    table = read_table(raw / "train.csv")
    parts = resplit(*train_test_split(table, test_size=0.1, random_state=0))
    tables = {}
    for name, part in zip(("train", "test"), parts, strict=True):
        for number, old in enumerate(part["id"], start=1):
            target = public / name / str(number) / "geometry.xyz"
            target.parent.mkdir(parents=True)
            # Linked files would tell by their inodes and times which number they had.
            target.write_bytes((raw / "train" / str(old) / "geometry.xyz").read_bytes())
        tables[name] = part.assign(id=range(1, len(part) + 1))
    write_table(tables["train"], public / "train.csv")
    write_table(tables["test"].drop(columns=TARGETS), public / "test.csv")
    write_table(tables["test"][["id", *TARGETS]], private / "answers.csv")

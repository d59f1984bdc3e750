"""Kaggle's own test set with the labels that it published; rows it never scored count nowhere."""

from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.tasks.files import read_table, write_table

LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]


def prepare(raw: Path, public: Path, private: Path, rng: np.random.Generator) -> None:
    for name in ("train.csv", "test.csv"):
        write_table(read_table(raw / name), public / name)
    write_table(answers(read_table(raw / "test_labels.csv")), private / "answers.csv")


def answers(labels: pd.DataFrame) -> pd.DataFrame:
    """Labels of -1 mean that the row is not scored; it must be handed in all the same."""
    unscored = labels[LABELS].sum(axis=1) < 0
    known = labels[["id", *LABELS]].copy()
    known.loc[unscored, LABELS] = 0
    return known.assign(Usage=np.where(unscored, "Ignored", "Private"))

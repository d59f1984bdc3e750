"""Kaggle's own test set with the labels that it published; rows it never scored count nowhere."""

from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Resplit, read_table, write_table

LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    test, labels = (read_table(raw / name) for name in ("test.csv", "test_labels.csv"))
    train, known = resplit(read_table(raw / "train.csv"), labels)
    write_table(train, public / "train.csv")
    write_table(test if known is labels else known[["id", "comment_text"]], public / "test.csv")
    write_table(answers(known[["id", *LABELS]]), private / "answers.csv")


def answers(labels: pd.DataFrame) -> pd.DataFrame:
    """Labels of -1 mean that the row is not scored; it must be handed in all the same."""
    unscored = labels[LABELS].sum(axis=1) < 0
    known = labels[["id", *LABELS]].copy()
    known.loc[unscored, LABELS] = 0
    return known.assign(Usage=np.where(unscored, "Ignored", "Private"))

"""Kaggle's own test set, whose labels it published, as in MLE-bench."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import MLE_BENCH, Resplit, read_table, write_table

COLUMNS = ["Insult", "Date", "Comment"]


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    known = read_table(raw / "train.csv")
    train, test = resplit(known, read_table(raw / "test_with_solutions.csv")[COLUMNS])
    if train is known:
        shutil.copyfile(raw / "train.csv", public / "train.csv")
    else:
        write_table(train, public / "train.csv")
    test = test[COLUMNS]
    write_table(test[["Date", "Comment"]], public / "test.csv")
    write_table(test.assign(Insult=0), public / "sample_submission_null.csv")
    write_table(answers(test), private / "answers.csv")
    write_table(test, private / MLE_BENCH)


def answers(test: pd.DataFrame) -> pd.DataFrame:
    """A comment's text is its id, so one that occurs twice is asked for once."""
    return test[["Insult", "Comment"]].drop_duplicates("Comment")

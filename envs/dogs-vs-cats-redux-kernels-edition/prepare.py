"""A tenth of Kaggle's labelled pictures is the test set; all get new numbers, as in MLE-bench."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from mle_gym.tasks.files import write_table, zip_files


def prepare(raw: Path, public: Path, private: Path, rng: np.random.Generator) -> None:
    pictures = sorted((raw / "train").glob("*.jpg"))
    train, test = train_test_split(pictures, test_size=0.1, random_state=0)
    zip_files(public / "train.zip", numbered(train))
    zip_files(public / "test.zip", ((f"{at}.jpg", path) for at, path in enumerate(test, start=1)))
    labels = [int("dog" in path.name) for path in test]
    answers = pd.DataFrame({"id": range(1, len(test) + 1), "label": labels})
    write_table(answers, private / "answers.csv")


def numbered(pictures: list[Path]) -> Iterator[tuple[str, Path]]:
    """New names: cats and dogs are counted apart, from 0."""
    numbers = {"cat": count(), "dog": count()}
    for path in pictures:
        kind = "cat" if "cat" in path.name else "dog"
        yield f"{kind}.{next(numbers[kind])}.jpg", path

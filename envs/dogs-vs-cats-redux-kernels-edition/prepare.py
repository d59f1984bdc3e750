"""A tenth of Kaggle's labelled pictures is the test set; all get new numbers, as in MLE-bench."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from mle_gym.datasets.toolkit import Resplit, place, write_table, zip_files


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    pictures = sorted((raw / "train").glob("*.jpg"))
    train, test = resplit(*train_test_split(pictures, test_size=0.1, random_state=0))
    for name, part in (("train", numbered(train)), ("test", enumerated(test))):
        for new, old in part:
            place(old, public / name / new)
        files = sorted((public / name).iterdir())
        zip_files(public / f"{name}.zip", ((path.name, path) for path in files))
    labels = [int("dog" in path.name) for path in test]
    answers = pd.DataFrame({"id": range(1, len(test) + 1), "label": labels})
    write_table(answers, private / "answers.csv")


def enumerated(pictures: list[Path]) -> Iterator[tuple[str, Path]]:
    """New names: numbers from 1."""
    for at, path in enumerate(pictures, start=1):
        yield f"{at}.jpg", path


def numbered(pictures: list[Path]) -> Iterator[tuple[str, Path]]:
    """New names: cats and dogs are counted apart, from 0."""
    numbers = {"cat": count(), "dog": count()}
    for path in pictures:
        kind = "cat" if "cat" in path.name else "dog"
        yield f"{kind}.{next(numbers[kind])}.jpg", path


def plain(public: Path, rng: np.random.Generator) -> str:
    """A table of what the names of pictures tell."""
    names = []
    for path in sorted((public / "train").iterdir()):
        names.append(path.stem.replace(".", "-"))
        path.rename(path.with_stem(names[-1]))
    labels = [int(name.startswith("dog")) for name in names]
    write_table(pd.DataFrame({"id": names, "label": labels}), public / "train.csv")
    return ""

"""What the competitions about reading texts aloud share, in whichever language.

A tenth of the sentences of Kaggle's training data is the test set, with new numbers. The file has
ten million rows, so it is read row by row, twice.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import train_test_split

from mle_gym.datasets.splits import Resplit
from mle_gym.datasets.toolkit.competition_files import read_table, write_table, zip_member
from mle_gym.errors import DatasetError

__all__ = ["plain_language", "prepare_language"]

COLUMNS = ["sentence_id", "token_id", "class", "before", "after"]


def prepare_language(
    language: str, raw: Path, public: Path, private: Path, resplit: Resplit
) -> None:
    """Fill the folders of a dataset from ``<language>_train.csv``.

    Raises:
        DatasetError: The file has other columns.
    """
    source = raw / f"{language}_train.csv"
    names = (source.name, f"{language}_test_2.csv", f"{language}_sample_submission_2.csv")
    sentences = np.array(list(dict.fromkeys(int(row[0]) for row in _read_rows(source))))
    train, test = resplit(*train_test_split(sentences, test_size=0.1, random_state=0))
    with ExitStack() as stack:
        train_rows, test_rows, sample_rows = (
            _zipped_writer(stack, public / f"{name}.zip", name) for name in names
        )
        samples = _writer(stack.enter_context((public / "sample_submission.csv").open("wb")))
        answers = _writer(stack.enter_context((private / "answers.csv").open("wb")))
        train_rows.writerow(COLUMNS)
        test_rows.writerow(["sentence_id", "token_id", "before"])
        for table in (sample_rows, samples, answers):
            table.writerow(["id", "after"])
        for asked, sentence, token, kind, before, after in _numbered(
            _read_rows(source), train, test
        ):
            if not asked:
                train_rows.writerow([sentence, token, kind, before, after])
                continue
            test_rows.writerow([sentence, token, before])
            name = f"{sentence}_{token}"
            sample_rows.writerow([name, before])
            samples.writerow([name, before])
            answers.writerow([name, after])


def plain_language(language: str, public: Path) -> str:
    """For ``plain`` of a ``prepare.py``: the tables under plain names, the test's with its ids."""
    (public / f"{language}_train.csv").rename(public / "train.csv")
    test = read_table(public / f"{language}_test_2.csv", dtype=str)
    test.insert(0, "id", test["sentence_id"] + "_" + test["token_id"])
    write_table(test, public / "test.csv")
    return "A row is a token of a sentence: as it is written, and as it is read aloud."


def _read_rows(path: Path) -> Iterator[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if header != COLUMNS:
            raise DatasetError(f"{path}: expected the columns {COLUMNS}, found {header[:10]}")
        yield from rows


def _numbered(
    rows: Iterable[list[str]], train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]
) -> Iterator[tuple[bool, int, int, str, str, str]]:
    """Rows with whether they are of the test; sentences are counted from 0 in each part."""
    part_of = dict.fromkeys(train.tolist(), False) | dict.fromkeys(test.tolist(), True)
    names: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for sentence, token, kind, before, after in rows:
        asked = part_of.get(int(sentence))
        if asked is None:
            continue
        known = names[asked]
        yield asked, known.setdefault(int(sentence), len(known)), int(token), kind, before, after


def _zipped_writer(stack: ExitStack, path: Path, name: str) -> Any:
    archive = stack.enter_context(zipfile.ZipFile(path, "w"))
    return _writer(stack.enter_context(zip_member(archive, name, deflate=True)))


def _writer(file: IO[bytes]) -> Any:
    """Writes texts in quotes and numbers without, as Kaggle's files have it."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    return csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)

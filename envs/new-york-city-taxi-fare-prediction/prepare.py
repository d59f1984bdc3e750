"""9,914 of Kaggle's 55 million training rides are the test set; the others are shuffled.

The order of both parts is MLE-bench's, so every row goes to another place. The file has 5.7 GB and
is never in memory: rows are dealt as text into buckets by where they go, and each bucket is put in
order. For a while that takes as much disk again as the file.
"""

import shutil
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
from sklearn.model_selection import ShuffleSplit

from mle_gym.datasets.toolkit import Resplit, check_space, place
from mle_gym.errors import DatasetError

HEADER = (
    b"key,fare_amount,pickup_datetime,pickup_longitude,pickup_latitude,"
    b"dropoff_longitude,dropoff_latitude,passenger_count"
)
TEST_ROWS = 9914
NOWHERE = np.iinfo(np.int32).min
"""The place of a row that a variant leaves out."""
BUCKET = 2_000_000
"""Rows that are put in order at once."""
CHUNK = 1_000_000
"""Rows that are read at once."""


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    source = raw / "train.csv"
    check_space(private, 2 * source.stat().st_size, "shuffling train.csv")
    rows = sum(len(lines) for lines in read_rows(source))
    if rows <= TEST_ROWS:
        raise DatasetError(f"{source}: expected over {TEST_ROWS:,} rows, found {rows:,}")
    buckets = private / "buckets"
    buckets.mkdir()
    place_of = places(rows, resplit)
    test = deal(source, place_of, buckets)
    with (public / "labels.csv").open("wb") as file:
        file.write(HEADER + b"\n")
        file.writelines(ordered(buckets))
    shutil.rmtree(buckets)
    write_test(test, public, private)
    place(raw / "GCP-Coupons-Instructions.rtf", public / "GCP-Coupons-Instructions.rtf")


def read_rows(source: Path) -> Iterator[list[bytes]]:
    """The rows as lines without their ends, many at a time."""
    with source.open("rb") as file:
        header = file.readline().rstrip(b"\r\n")
        if header != HEADER:
            raise DatasetError(f"{source}: expected the header {HEADER!r}, found {header[:200]!r}")
        while lines := [line.rstrip(b"\r\n") for line in islice(file, CHUNK)]:
            if any(b'"' in line for line in lines):
                raise DatasetError(f"{source}: expected rows without quotes")
            yield lines


def deal(source: Path, place_of: np.ndarray, buckets: Path) -> list[bytes]:
    """Write each training row to the bucket of its place; returns the test rows in order."""
    test: list[bytes] = [b""] * np.count_nonzero((place_of < 0) & (place_of != NOWHERE))
    count = -(-(place_of.max() + 1) // BUCKET)
    files = [(buckets / f"{number:04d}").open("wb") for number in range(count)]
    first = 0
    for lines in read_rows(source):
        target = place_of[first : first + len(lines)]
        first += len(lines)
        for at in np.flatnonzero((target < 0) & (target != NOWHERE)):
            test[-1 - target[at]] = lines[at]
        bucket = np.where(target < 0, -1, target // BUCKET)
        order = np.argsort(bucket, kind="stable")
        bounds = np.searchsorted(bucket[order], np.arange(len(files) + 1))
        for number, file in enumerate(files):
            chosen = order[bounds[number] : bounds[number + 1]]
            file.writelines(b"%d,%s\n" % (target[at], lines[at]) for at in chosen)
    for file in files:
        file.close()
    return test


def places(rows: int, resplit: Resplit) -> np.ndarray:
    """Where each row goes: from 0 in the training data, -1, -2, … in the test, or nowhere.

    The permutation is the one of ``train_test_split(table, test_size=9914, random_state=0)``.
    """
    split = ShuffleSplit(n_splits=1, test_size=TEST_ROWS, random_state=0)
    train, test = resplit(*next(split.split(np.broadcast_to(0, rows))))
    place_of = np.full(rows, NOWHERE, dtype=np.int32)
    place_of[train] = np.arange(len(train), dtype=np.int32)
    place_of[test] = -1 - np.arange(len(test), dtype=np.int32)
    return place_of


def ordered(buckets: Path) -> Iterator[bytes]:
    """The training rows in their new order."""
    for path in sorted(buckets.iterdir()):
        with path.open("rb") as file:
            rows = dict(line.split(b",", 1) for line in file)
        first = min(map(int, rows))
        yield from (rows[b"%d" % at] for at in range(first, first + len(rows)))
        path.unlink()


def write_test(rows: list[bytes], public: Path, private: Path) -> None:
    """The features for agents, the fares for the grader."""
    names, cells = HEADER.split(b","), [row.split(b",") for row in rows]
    fare = names.index(b"fare_amount")
    asked = (one[:fare] + one[fare + 1 :] for one in chain([names], cells))
    (public / "test.csv").write_bytes(b"".join(b",".join(one) + b"\n" for one in asked))
    known = ((one[0], one[fare]) for one in chain([names], cells))
    (private / "answers.csv").write_bytes(b"".join(b",".join(one) + b"\n" for one in known))

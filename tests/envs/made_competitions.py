"""Kaggle's competitions on made-up raw data of their exact shape."""

from __future__ import annotations

import shutil
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mle_gym.datasets.answers import USAGE
from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.datasets.tables import read_csv
from mle_gym.tasks.catalog import load_task, task_folders
from tests.envs.raw_data import MAKERS

__all__ = ["COMPETITIONS", "QUICK", "WHY", "files_of", "made", "prepared_by_mle_bench"]

COMPETITIONS = sorted(
    name for name in task_folders() if load_task(name).data.loader == "kaggle"
)  # fmt: skip
QUICK = ("spooky-author-identification", "leaf-classification")
"""A table of texts and one with pictures: small, and prepared in different ways."""
WHY = "each competition is made up, prepared and played"


def made(name: str, raw: Path, variant: int = 0) -> Dataset:
    """A competition's dataset of made-up raw data, which are made unless the folder exists."""
    task = load_task(name)
    if not raw.exists():
        raw.mkdir()
        MAKERS[task.data.ref](raw, np.random.default_rng(zlib.crc32(name.encode())))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*these raw data are not those")
        return prepare(task, DatasetOptions(variant), source=raw)


def prepared_by_mle_bench(dataset: Dataset, folder: Path) -> Path:
    """What MLE-bench's prepare.py leaves of these data; returns the folder ``prepared``."""
    prepared = folder / "prepared"
    shutil.copytree(dataset.public, prepared / "public")
    (prepared / "private").mkdir()
    answers = read_csv(dataset.private / "answers.csv").drop(columns=USAGE)
    answers.to_csv(prepared / "private" / "test.csv", index=False)
    return prepared


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """All files below a folder, and what is in the zips among them."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for member in archive.namelist():
                    yield f"{name}/{member}", archive.read(member)
        elif path.is_file() and name not in ("description.md", "sample_submission.csv"):
            yield name, path.read_bytes()

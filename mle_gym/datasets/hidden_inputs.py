"""Datasets for submitted programs: the rows to predict are hidden, a few examples take their place.

What an agent sees as ``data/test.csv`` are training rows without their target, so that a program
can be tried on them; when it was handed in, it runs with a ``data/`` that has the hidden rows.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.datasets.dataset import HIDDEN
from mle_gym.datasets.tables import read_cells, write_csv
from mle_gym.errors import DatasetError

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["HIDDEN", "hide_inputs"]

SAMPLE = "sample_submission.csv"
MOST_EXAMPLES = 20


def hide_inputs(task: TaskSpec, folder: Path) -> None:
    """Move the rows to predict from ``public`` to ``hidden``, and put examples in their place.

    Everything in ``public`` whose name is ``test``, with or without a suffix, is about these rows.
    The other files are in both folders.

    Raises:
        DatasetError: The test table has columns that the training table has not.
    """
    public, hidden = folder / "public", folder / HIDDEN
    shutil.copytree(public, hidden, copy_function=os.link)
    sample = read_cells(public / SAMPLE)
    columns = list(read_cells(public / "test.csv").columns)
    for path in list(public.iterdir()):
        if path.name.split(".")[0] != "test" and path.name != SAMPLE:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()  # a link: the other one stays
    train = read_cells(public / "train.csv").head(MOST_EXAMPLES)
    unknown = [name for name in columns if name not in train.columns]
    if unknown:
        raise DatasetError(
            f"{task.folder / 'prepare.py'}: test.csv: expected columns of train.csv, since "
            f"examples are made of it, found {unknown[0]!r}"
        )
    write_csv(train[columns], public / "test.csv")
    key = task.submission.id if task.submission.id in sample.columns else "id"  # obfuscated
    examples = sample.iloc[[0] * len(train)].reset_index(drop=True)
    write_csv(examples.assign(**{key: train[key]}), public / SAMPLE)

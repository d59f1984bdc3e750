"""Gives a task what only chance can: its key, and the canonical split of real data."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mle_gym.datasets.build import clean
from mle_gym.datasets.keys import KEY_FILE, write_key
from mle_gym.datasets.sources.raw_table import load_raw
from mle_gym.datasets.splits import choose_test_rows, count_test_rows
from mle_gym.datasets.stored_split import SPLIT_FILE, StoredSplit, needs_stored_split

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["write_missing"]


def write_missing(task: TaskSpec) -> list[Path]:
    """Write the key and the stored split that a task lacks; what is there is kept.

    Both come from the operating system's randomness, so no program can draw them again.

    Returns:
        The files that were written.

    Raises:
        DatasetError: The data can't be had, or can't be split as ``task.toml`` says.
        OSError: The folder can't be written.
    """
    written = []
    if not (task.folder / KEY_FILE).exists():
        written.append(write_key(task.folder))
    if needs_stored_split(task.data) and not (task.folder / SPLIT_FILE).exists():
        written.append(_draw_split(task).write(task.folder))
    return written


def _draw_split(task: TaskSpec) -> StoredSplit:
    raw = load_raw(task)
    size = count_test_rows(len(raw), task.data, task.id)
    rng = np.random.default_rng(secrets.randbits(256))
    test = choose_test_rows(clean(task, raw), task.data, size, rng)
    return StoredSplit.of(task.data, raw, test.tolist())

"""Keys and stored splits for the tasks that tests make: the same ones in every run."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from mle_gym.datasets.build import clean
from mle_gym.datasets.keys import KEY_FILE
from mle_gym.datasets.sources.raw_table import load_raw
from mle_gym.datasets.splits import choose_test_rows, count_test_rows
from mle_gym.datasets.stored_split import SPLIT_FILE, StoredSplit, needs_stored_split
from mle_gym.errors import MleGymError
from mle_gym.tasks.load import load_folder

KEY = "5e" * 32


def keyed(folder: Path, key: str = KEY) -> Path:
    """Add to a task folder what `validate-task --fix` would add. A broken task stays broken."""
    (folder / KEY_FILE).write_text(f"{key}\n")
    (folder / SPLIT_FILE).unlink(missing_ok=True)
    with contextlib.suppress(MleGymError):
        task = load_folder(folder)
        if needs_stored_split(task.data):
            raw = load_raw(task)
            size = count_test_rows(len(raw), task.data, task.id)
            rng = np.random.default_rng(int(key[:8], 16))
            test = choose_test_rows(clean(task, raw), task.data, size, rng)
            StoredSplit.of(task.data, raw, test.tolist()).write(folder)
    return folder

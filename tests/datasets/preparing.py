"""Prepares datasets, here and in other processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.tasks.catalog import load_task

PREPARE = """
import sys
from pathlib import Path
from mle_gym.tasks.catalog import load_task
from mle_gym.datasets.prepare import prepare
print(prepare(load_task(Path(sys.argv[1]))).public)
"""


def start(folder: Path) -> subprocess.Popen[str]:
    """Begin to prepare a task in another process, which prints the public folder."""
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def made(folder: Path, **options: Any) -> Dataset:
    """The dataset of the task in a folder."""
    return prepare(load_task(folder), DatasetOptions(**options))


def contents(dataset: Dataset) -> dict[str, bytes]:
    """What is in its files, by path."""
    root = dataset.public.parent
    return {
        str(path.relative_to(root)): path.read_bytes()
        for part in (dataset.public, dataset.private)
        for path in part.rglob("*")
        if path.is_file()
    }


IMAGES = """
from pathlib import Path

def prepare(raw, public, private, rng):
    runs = Path({log!r})
    with runs.open("a") as log:
        log.write("x\\n")
    for name in ("train.csv", "test.csv"):
        lines = (public / name).read_text().splitlines()
        folder = public / "pictures"
        folder.mkdir(exist_ok=True)
        for line in lines[1:]:
            (folder / (line.split(",")[0] + ".txt")).write_text(line.split(",")[1])
"""

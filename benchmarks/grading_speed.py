"""Compares grading with ``pandas.read_csv`` of the same submission.

    python -m benchmarks.grading_speed --rows 1000000

Text normalization is the largest of MLE-bench's competitions: a million rows of text with text ids.
The answers are read once before, as in an environment. The figures are the least CPU time of this
process over several turns. The goal is at most 3 times ``pandas.read_csv``.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.grading.graders.parity import ParityGrader
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.tasks.load import load_folder

GOAL = 3.0
NAME = "text-normalization-challenge-english-language"
TASK = f"""
id = "{NAME}"
title = "Text normalization"
kind = "other"
[data]
loader = "files"
ref = "raw.csv"
target = "after"
test_size = 1
[submission]
columns = {{ id = "str", after = "str" }}
[grade]
metric = "accuracy"
worst = 0.0
best = 1.0
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure. Returns 0 if strict grading reaches the goal."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        content, dataset = make(Path(folder), options.rows)
        shuffled = _shuffle(content)
        graders = {"strict": PredictionsGrader(dataset), "parity": ParityGrader(dataset)}
        rows = {"pandas.read_csv": lambda: pd.read_csv(io.BytesIO(content))}
        for name, grader in graders.items():
            rows[f"{name} grading"] = lambda grader=grader: grader.grade(content)
            rows[f"{name} grading, shuffled rows"] = lambda grader=grader: grader.grade(shuffled)
        seconds = measure(rows, options.turns)
    table = Table("", "seconds", "times read_csv", title=f"{options.rows:,} rows")
    least = seconds["pandas.read_csv"]
    for name, value in seconds.items():
        table.add_row(name, f"{value:.2f}", f"{value / least:.2f}")
    Console().print(table)
    return int(seconds["strict grading"] > GOAL * least)


def measure(rows: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """The least CPU seconds of each over several turns, in turns so that noise affects all."""
    found: dict[str, list[float]] = {name: [] for name in rows}
    for turn in range(turns + 1):  # the first reads the answers and warms up
        for name, run in rows.items():
            start = time.process_time()
            run()
            if turn:
                found[name].append(time.process_time() - start)
    return {name: min(values) for name, values in found.items()}


def make(folder: Path, rows: int) -> tuple[bytes, Dataset]:
    """A submission of 95% right words, and the dataset that it is graded against."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 9, rows)
    words = np.array(["".join(rng.choice(list("abcdefghij "), n)) + "x" for n in range(1, 40)])
    words = np.append(words, ["two thousand and six", "nineteen eighty four", ".", ",", '"'])
    after = rng.choice(words, rows)
    sentence, token = np.arange(rows) // 11, np.arange(rows) % 11
    ids = np.char.add(np.char.add(sentence.astype(str), "_"), token.astype(str))
    (folder / "task.toml").write_text(TASK)
    (folder / "description.md").write_text("Say it in words.")
    (folder / "raw.csv").write_text("id,after\n1,1\n")
    private = folder / "private"
    private.mkdir()
    answers = pd.DataFrame({"id": ids, "after": after})
    answers.assign(Usage="Private").to_csv(private / "answers.csv", index=False)
    guesses = np.where(lengths == 1, "wrong", after)
    content = answers.assign(after=guesses).to_csv(index=False).encode()
    task = load_folder(folder)
    return content, Dataset(task, DatasetOptions(), folder, private, "made up")


def _shuffle(content: bytes) -> bytes:
    header, *lines = content.splitlines(keepends=True)
    order = np.random.default_rng(1).permutation(len(lines))
    return header + b"".join(lines[at] for at in order)


if __name__ == "__main__":
    sys.exit(main())

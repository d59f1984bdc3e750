"""The reference models that a task's ranks are measured against: ``envs/<task>/leaderboard.csv``.

The entrants are machines, not Kaggle teams: about a hundred scikit-learn pipelines, from guessing
to well-built ensembles, the same for every classification task and the same for every regression
task (:mod:`reference_pipelines`). Each is fitted on the task's canonical training data with
settings that were fixed beforehand, and its submission is graded like an agent's, on the private
part of the canonical test rows. No entrant was chosen, tuned or left out by its score. Entrants
that can't be fitted to a task (such as quadratic discriminant analysis if a class has two rows)
don't take part in it. Ranks follow from the file, and so do medals, by Kaggle's rule, on tasks on
which they are further apart than the noise of the test rows. Tasks on which most entrants score the
same have no field.

Rerun it to check the files. With the same versions of numpy and scikit-learn it writes the same::

    python benchmarks/reference_field.py                        # all tasks, a few minutes
    python benchmarks/reference_field.py --task titanic --task wine
    python benchmarks/reference_field.py --check                # compare, write nothing
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before numpy is imported

import argparse
import struct
import sys
import time
import warnings
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from reference_pipelines import Entrant, entrants
from sklearn.pipeline import Pipeline

from mle_gym.datasets.dataset import Dataset
from mle_gym.datasets.prepare import prepare
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.paths import bundled
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.spec import TaskSpec

TASKS = (
    "chess-endgame",
    "cpu-performance",
    "diabetes",
    "digits",
    "iris-pipeline",
    "titanic",
    "wine",
)
FILE = "leaderboard.csv"
HUGE = 1e9
"""Replaces a prediction that overflows, so that it is graded and scores badly."""
TOLERANCE = 1e-6
"""How far a score may be from the file's before ``--check`` calls it different."""


@dataclass(frozen=True)
class Result:
    """One entrant's result. ``score`` is None if it could not take part."""

    team: str
    score: float | None
    seconds: float
    reason: str = ""


def read_png(path: Path) -> np.ndarray:
    """Pixels of one image of the digits task, flattened (8 bits, grey, unfiltered rows)."""
    content = path.read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    start = content.index(b"IDAT")
    (length,) = struct.unpack(">I", content[start - 4 : start])
    rows = np.frombuffer(zlib.decompress(content[start + 4 : start + 4 + length]), np.uint8)
    return rows.reshape(height, width + 1)[:, 1:].ravel() / 255


def features(dataset: Dataset, table: pd.DataFrame) -> pd.DataFrame:
    """What an entrant may learn from: everything except id and target, and images as pixels."""
    data = dataset.task.data
    table = table.drop(columns=[data.id, *(data.target or ())], errors="ignore")
    if "image" in table:
        pixels = np.stack([read_png(dataset.public / name) for name in table["image"]])
        return pd.DataFrame(pixels, columns=[f"pixel_{i}" for i in range(pixels.shape[1])])
    return table


def probabilities(model: Pipeline, table: pd.DataFrame) -> np.ndarray:
    """One column per class. Margins become probabilities by the logistic function or softmax."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(table))
    margins = model.decision_function(table)
    if margins.ndim == 1:
        margins = np.column_stack([np.zeros_like(margins), margins])
    weights = np.exp(margins - margins.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def predictions(model: Pipeline, table: pd.DataFrame, task: TaskSpec) -> pd.DataFrame:
    """The predicted columns of a submission."""
    names = task.submission.predicted
    column = task.submission.columns[names[0]]
    if column.type == "probability":
        classes = model.classes_ if len(names) > 1 else [None, names[0]]
        return pd.DataFrame(probabilities(model, table), columns=classes)[list(names)]
    values = np.ravel(model.predict(table))
    if column.type == "float":
        low = -HUGE if column.min is None else column.min
        values = np.clip(np.nan_to_num(values, nan=low), low, HUGE)
    return pd.DataFrame({names[0]: values})


def compete(entrant: Entrant, task: str) -> Result:
    """Fit one entrant and grade its submission."""
    started = time.perf_counter()
    dataset = prepare(task)
    train = pd.read_csv(dataset.public / "train.csv")
    test = pd.read_csv(dataset.inputs / "test.csv")
    (target,) = dataset.task.data.target or ()
    warnings.simplefilter("ignore")  # an entrant that doesn't converge is a weak entrant
    np.random.seed(0)  # for the entrants whose settings name no seed
    try:
        model = entrant.pipeline.fit(features(dataset, train), train[target])
        submission = predictions(model, features(dataset, test), dataset.task)
    except (ValueError, np.linalg.LinAlgError) as error:
        return Result(entrant.team, None, time.perf_counter() - started, str(error).split("\n")[0])
    submission.insert(0, dataset.task.submission.id, test[dataset.task.data.id])
    grade = PredictionsGrader(dataset).grade(submission.to_csv(index=False).encode())
    return Result(entrant.team, grade.score, time.perf_counter() - started, grade.error_message)


def field(task: str, workers: int) -> pd.DataFrame:
    """The task's leaderboard, best first."""
    spec = load_task(task)
    dataset = prepare(spec)
    table = features(dataset, pd.read_csv(dataset.public / "train.csv"))
    teams = list(entrants(table, classification=spec.kind != "tabular-regression"))
    results = []
    with ProcessPoolExecutor(workers) as pool:
        for result in pool.map(compete, teams, [task] * len(teams)):
            results.append(result)
            show(task, len(results), len(teams), result)
    board = pd.DataFrame(
        [(r.team, r.score) for r in results if r.score is not None], columns=["team", "score"]
    )
    ascending = not spec.grade.higher_is_better
    return board.sort_values(["score", "team"], ascending=[ascending, True], ignore_index=True)


def show(task: str, done: int, teams: int, result: Result) -> None:
    """Report one entrant on standard error."""
    score = f"{result.score:.5f}" if result.score is not None else f"out: {result.reason}"
    print(f"{task} {done}/{teams} {result.seconds:5.1f}s {score}  {result.team}", file=sys.stderr)


def differs(board: pd.DataFrame, path: Path) -> str:
    """How a leaderboard differs from the one in ``path``; empty if it doesn't."""
    if not path.is_file():
        return "there is no such file"
    old = pd.read_csv(path).set_index("team")["score"]
    new = board.set_index("team")["score"]
    if set(old.index) != set(new.index):
        return f"other teams: {sorted(set(old.index) ^ set(new.index))}"
    gap = (old - new).abs()
    count = int((gap > TOLERANCE).sum())
    return f"{count} scores, most by {gap.max():.6f} ({gap.idxmax()})" if count else ""


def main() -> int:
    """Make or check the leaderboards that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--task", action="append", choices=TASKS, help="only this one; repeatable")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--workers", type=int, default=2, help="parallel processes (default: 2)")
    arguments = parser.parse_args()
    different = 0
    for task in arguments.task or TASKS:
        board = field(task, arguments.workers)
        path = bundled("envs") / task / FILE
        if arguments.check:
            reason = differs(board, path)
            print(f"{task}: {'differs: ' + reason if reason else 'the same'}")
            different += bool(reason)
        else:
            board.to_csv(path, index=False, lineterminator="\n")
            scores = board["score"]
            print(f"{task}: {len(board)} teams, {scores.iloc[0]:.5f} to {scores.iloc[-1]:.5f}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())

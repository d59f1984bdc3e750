"""The programs of the benchmark's agents, the same for every contender."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import BinaryIO

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.paths import bundled

__all__ = [
    "HOLD",
    "HOLDER",
    "HOLDING",
    "IMPORTS",
    "LOOK",
    "MICRO",
    "MICRO_PROGRAM",
    "TRAINING",
    "arguments_of",
    "copy_of_data",
    "episode_program",
    "fill",
    "naive_grade",
    "run",
    "temporary_folder",
]

IMPORTS = "import pandas\nimport sklearn.ensemble\n"

HOLDER = "mle-gym-holder"
"""The name of a process that keeps its memory until it gets SIGUSR1."""

HOLD = f"""\
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
with open("/proc/self/comm", "w") as name:
    name.write({HOLDER!r})
signal.sigtimedwait([signal.SIGUSR1], 100)
"""
"""The end of a program that waits until its memory has been measured."""

HOLDING = IMPORTS + HOLD
"""Such a program, with the usual libraries."""

TRAINING = """\
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

X, y = make_classification(800, 20, random_state=0)
print(RandomForestClassifier(30, random_state=0).fit(X[:600], y[:600]).score(X[600:], y[600:]))
"""

MICRO = "messy-tabular/micro"
"""A task whose variants are as small as they get: a name and, behind a slash, a size."""

MICRO_PROGRAM = """\
import pandas as pd
from sklearn.linear_model import Ridge

train, test = pd.read_csv("data/train.csv").head(50), pd.read_csv("data/test.csv")
columns = ["pressure_bar", "ph", "stirrer_rpm", "residence_min"]
middle = train[columns].median()
model = Ridge().fit(train[columns].fillna(middle), train["yield_kg"])
predicted = model.predict(test[columns].fillna(middle))
test[["id"]].assign(yield_kg=predicted).to_csv("submission.csv", index=False)
"""
"""One fit to 50 rows of it."""

LOOK = "head -3 data/train.csv"

_FILL = """\
import os

os.makedirs("state/{folder}", exist_ok=True)
for number in range({files}):
    with open(f"state/{folder}/{{number}}", "wb") as file:
        file.write(os.urandom({size}))
"""


def episode_program() -> str:
    """The program of a Titanic episode: the task's baseline, a logistic regression."""
    return (bundled("envs") / "titanic" / "baseline.py").read_text(encoding="utf-8")


def fill(folder: str, files: int, size: int) -> str:
    """A program that puts files of that many random bytes into ``state/FOLDER``."""
    return _FILL.format(folder=folder, files=files, size=size)


def run(command: list[str], folder: Path | None = None) -> bytes:
    """Run a program that must succeed, and return its output."""
    result = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True)
    if result.returncode:
        tail = (result.stdout + result.stderr).decode(errors="replace")[-300:]
        raise RuntimeError(f"{command[0]} ended with {result.returncode}: {tail}")
    return result.stdout


def temporary_folder() -> Path:
    """A fresh folder, which the caller removes."""
    return Path(tempfile.mkdtemp(prefix="mle-gym-benchmark-"))


def arguments_of(task: str) -> tuple[str, dict[str, str]]:
    """The name in ``NAME`` or ``NAME/SIZE``, and the arguments that the rest stands for."""
    name, _, size = task.partition("/")
    return name, {"size": size} if size else {}


def copy_of_data(task: str, folder: Path) -> None:
    """Give the agent a copy of the data, as frameworks without mounts do."""
    shutil.copytree(_dataset(task).public, folder / "data")


def naive_grade(submission: Path | BinaryIO, task: str = "titanic") -> float:
    """The accuracy, or for numbers the mean absolute error, computed without any checks."""
    import pandas as pd

    answers = pd.read_csv(_dataset(task).private / "answers.csv")
    given = pd.read_csv(submission)
    id, target = given.columns
    both = answers.merge(given, on=id)
    first, second = both[f"{target}_x"], both[f"{target}_y"]
    return float((first - second).abs().mean() if task == MICRO else (first == second).mean())


def _dataset(task: str) -> Dataset:
    name, arguments = arguments_of(task)
    return prepare(name, DatasetOptions(**arguments))  # type: ignore[arg-type]

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mle_gym.datasets.answers import sample_submission
from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.tasks.load import load_folder
from mle_gym.tasks.spec import TaskSpec
from tests.sandbox.conftest import isolating_backend  # noqa: F401
from tests.sandbox.docker_daemon import docker_host  # noqa: F401

TASK = """
id = "toy"
title = "Toy"
kind = "other"
[data]
loader = "files"
ref = "raw.csv"
target = [{targets}]
test_size = 4
[submission]
columns = {{ {columns} }}
sum_to_one = [{sum_to_one}]
[grade]
metric = "{metric}"
worst = {worst}
best = {best}
params = {{ {params} }}
{tables}
"""


@pytest.fixture
def make_task(tmp_path: Path) -> Callable[..., TaskSpec]:
    """A task in its own folder; ``grade`` is the text of a grade.py."""

    def make(
        columns: str = 'id = "int", y = { values = [0, 1] }',
        metric: str = "accuracy",
        worst: float = 0.0,
        best: float = 1.0,
        params: str = "",
        tables: str = "",
        sum_to_one: str = "",
        targets: str = '"y"',
        grade: str | None = None,
        leaderboard: str | None = None,
    ) -> TaskSpec:
        folder = tmp_path / "toy"
        folder.mkdir(exist_ok=True)
        (folder / "raw.csv").write_text("id,x,y\n1,1,1\n")
        (folder / "description.md").write_text("A toy.")
        text = TASK.format(
            columns=columns,
            metric=metric,
            worst=worst,
            best=best,
            params=params,
            tables=tables,
            sum_to_one=sum_to_one,
            targets=targets,
        )
        (folder / "task.toml").write_text(text)
        if grade is not None:
            (folder / "grade.py").write_text(grade)
        if leaderboard is not None:
            (folder / "leaderboard.csv").write_text(leaderboard)
        return load_folder(folder)

    return make


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[[TaskSpec, str], Dataset]:
    """A prepared dataset with these answers, and the sample submission that fits them."""

    def make(task: TaskSpec, answers: str) -> Dataset:
        public, private = tmp_path / "public", tmp_path / "private"
        (tmp_path / "anchors.json").unlink(missing_ok=True)
        public.mkdir(exist_ok=True)
        private.mkdir(exist_ok=True)
        (private / "answers.csv").write_text(answers)
        table = pd.read_csv(io.StringIO(answers)) if answers else pd.DataFrame()
        if task.submission.id in table.columns:
            sample = sample_submission(task, table)
            sample.to_csv(public / "sample_submission.csv", index=False)
        return Dataset(task, DatasetOptions(), public, private, "d1gest")

    return make

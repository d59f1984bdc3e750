"""The command line in this process, and a task that is quick to play."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mle_gym.cli.app import app
from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox.backends import get_backend
from mle_gym.tasks import catalog
from tests.keyed import keyed
from tests.sandbox.conftest import require
from tests.task_folders import make_task  # noqa: F401

TASK = """\
id = "{id}"
title = "Coins"
kind = "other"

[data]
loader = "files"
ref = "coins.csv"
target = "side"
test_size = 20
stratify = true

[submission]
columns = {{ id = "int", side = {{ values = [0, 1] }} }}

[grade]
metric = "accuracy"
worst = 0.0
best = 1.0

[limits]
steps = 3
"""

SOLUTION = """\
import csv

with open("data/test.csv") as source, open("submission.csv", "w") as target:
    target.write("id,side\\n")
    for row in csv.DictReader(source):
        target.write(f"{row['id']},{int(float(row['weight']) > 5)}\\n")
"""


@dataclass(frozen=True)
class Result:
    """The outcome of one command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON value and nothing else."""
        return json.loads(self.out)


Command = Callable[..., Result]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Run ``mle-gym`` with some arguments in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("MLE_GYM_DEBUG", raising=False)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def run(*words: str | Path, stdin: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
        return Result(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def coins(tmp_path: Path) -> Path:
    """A task folder in which weights above 5 have the label 1."""
    folder = tmp_path / "coins"
    folder.mkdir()
    rows = [f"{weight},{int(weight > 5)}" for weight in (n * 0.137 % 10 for n in range(1, 81))]
    (folder / "coins.csv").write_text("\n".join(["weight,side", *rows]) + "\n")
    (folder / "task.toml").write_text(TASK.format(id="coins"))
    (folder / "description.md").write_text("Which side is up?\n")
    (folder / "solution.py").write_text(SOLUTION)
    return keyed(folder)


@pytest.fixture(scope="session")
def sandbox() -> str:
    """Skip where no isolating sandbox can run."""
    try:
        return get_backend("auto").name
    except SandboxUnavailable as error:
        require("bubblewrap", str(error))
        raise


@pytest.fixture(autouse=True)
def only_built_in_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks that a test registers are known to this process only for that test."""
    monkeypatch.setattr(catalog, "_registered", {})
    monkeypatch.delenv("MLE_GYM_PATH", raising=False)

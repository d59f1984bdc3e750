"""Small checkouts of other benchmarks, laid out as the real ones, with made-up competitions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

from mle_gym.tasks import catalog

UTILS = """
import csv
from pathlib import Path


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def load_answers(path):
    return read_csv(path)
"""
PREPARE = """
import shutil

from mlebench.utils import read_csv


def prepare(raw, public, private):
    rows = read_csv(raw / "train.csv")
    (raw / "scratch.txt").write_text("x")
    shutil.move(raw / "notes" / "readme.txt", public / "readme.txt")
    sample = "id,y\\n" + "".join(f"{r['id']},0\\n" for r in rows)
    (public / "sampleSubmission.csv").write_text(sample)
    (private / "test.csv").write_text("id,y\\n" + "".join(f"{r['id']},{r['y']}\\n" for r in rows))
    shutil.rmtree(raw)
"""
GRADE = """
from mlebench.grade_helpers import InvalidSubmissionError


def grade(submission, answers):
    if len(submission) != len(answers):
        raise InvalidSubmissionError("expected as many rows as there are fruits")
    if submission[0]["y"] == "crash":
        return answers[0]["secret"]
    if submission[0]["y"] == "nan":
        return float("nan")
    right = sum(a["y"] == b["y"] for a, b in zip(submission, answers))
    return right / len(answers) + 0.000001
"""
CONFIG = """\
id: {name}
name: "Fruit: ripe or not"
competition_type: simple
description: mlebench/competitions/{name}/description.md
dataset:
  answers: {name}/prepared/private/test.csv
  sample_submission: {name}/prepared/public/sampleSubmission.csv
grader:
  name: accuracy
  grade_fn: mlebench.competitions.{name}.grade:grade
preparer: mlebench.competitions.{name}.prepare:prepare
"""
BOARD = "teamId,score\n1,0.9\n2,0.8\n3,0.7\n4,0.6\n5,0.5\n"
DOJO_METRIC = """
from mledojo.metrics.base import CompetitionMetrics, InvalidSubmissionError


class FruitMetrics(CompetitionMetrics):
    def validate_submission(self, submission, ground_truth):
        if set(submission.columns) != set(ground_truth.columns):
            raise InvalidSubmissionError("other columns")

    def evaluate(self, y_true, y_pred):
        return float((y_true["y"] == y_pred["y"]).mean())
"""
DOJO_BASE = """
class CompetitionMetrics:
    def __init__(self, higher_is_better=True):
        self.higher_is_better = higher_is_better


class InvalidSubmissionError(Exception):
    pass
"""


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The user's tasks folder, empty; what a test registers is known to that test only."""
    folder = tmp_path / "tasks"
    monkeypatch.setenv("MLE_GYM_TASKS", str(folder))
    monkeypatch.setattr(catalog, "_registered", {})
    before = dict(gymnasium.registry)
    yield folder
    gymnasium.registry.clear()
    gymnasium.registry.update(before)


@pytest.fixture
def mle_bench(tmp_path: Path) -> Path:
    """A checkout with one competition, ``Fruit``."""
    root = tmp_path / "mle-bench"
    folder = root / "mlebench" / "competitions" / "Fruit"
    write(root / "mlebench" / "utils.py", UTILS)
    write(root / "mlebench" / "grade_helpers.py", "class InvalidSubmissionError(Exception): ...\n")
    add_competition(root, "Fruit")
    write(folder / "description.md", "Is it ripe?")
    return root


def add_competition(root: Path, name: str, board: str = BOARD) -> Path:
    folder = root / "mlebench" / "competitions" / name
    write(folder / "config.yaml", CONFIG.format(name=name))
    write(folder / "prepare.py", PREPARE)
    write(folder / "grade.py", GRADE)
    write(folder / "leaderboard.csv", board)
    return folder


@pytest.fixture
def mle_dojo(tmp_path: Path) -> Path:
    """A checkout with one competition that prepares its data and one that has only a stub."""
    root = tmp_path / "mle-dojo"
    write(root / "mledojo" / "metrics" / "base.py", DOJO_BASE)
    for name in ("fruit", "vegetables"):
        folder = root / "mledojo" / "competitions" / name
        write(folder / "utils" / "metric.py", DOJO_METRIC)
        write(folder / "utils" / "prepare.py", "# to be written\n")
        write(folder / "info" / "description.txt", "Is it ripe?")
        write(folder / "info" / "private_leaderboard.csv", "rank,score\n1,0.1\n2,0.2\n3,0.3\n")
    code = PREPARE.replace("from mlebench.utils import read_csv", UTILS)
    code = code.replace("sampleSubmission", "sample_submission").replace(
        "test.csv", "test_answer.csv"
    )
    write(root / "mledojo" / "competitions" / "fruit" / "utils" / "prepare.py", code)
    return root


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Raw data as Kaggle gives them, unpacked."""
    folder = tmp_path / "raw data"
    write(folder / "train.csv", "id,y\n1,a\n2,b\n3,a\n4,a\n")
    write(folder / "notes" / "readme.txt", "read me")
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def pretend(program: Path, answers: list[dict[str, str]]) -> None:
    """A program that answers as the benchmark's own would."""
    text = json.dumps(answers).replace("'", "'\\''")
    write(program, f"#!/bin/sh\nprintf '%s' '{text}' > \"$4\"\n")
    program.chmod(0o755)

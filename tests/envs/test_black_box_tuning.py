"""Tuners are graded by what they recommend, and asked trainings are counted on the host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.grading.graders.program_runs import MEASUREMENTS
from mle_gym.grading.graders.several_files import SeveralFilesGrader
from mle_gym.sandbox import pack_files
from mle_gym.tasks.catalog import load_task
from tests.grading.graders.test_program_runs import grader_of

pytestmark = pytest.mark.bubblewrap


@pytest.fixture
def dataset() -> Dataset:
    return prepare(load_task("black-box-tuning"), DatasetOptions(size="micro"))


def graded(dataset: Dataset, *answers: str) -> Any:
    """The grade of a run that gave these answers."""
    files = {MEASUREMENTS: json.dumps({"bytes": 0, "sets": []}).encode()}
    files["1-1/answers.txt"] = "".join(f"{answer}\n\n" for answer in answers).encode()
    return SeveralFilesGrader(dataset).grade(pack_files(files))


def best_settings(private: Path) -> str:
    losses = pd.read_csv(private / "losses.csv")
    best = losses.loc[losses.groupby("job")["loss"].idxmin()]
    return "\n".join(best["job"] + " " + best["setting"])


def test_the_best_settings_have_no_regret(dataset: Dataset) -> None:
    found = graded(dataset, "J1 0 0 0 -", best_settings(dataset.private))
    assert found.score == 0
    assert found.parts["jobs recommended for"] == 48


@pytest.mark.parametrize("answer", ["", "J1 9 9 9 9", "\x00" * 1000, "1e999\nnan"])
def test_jobs_without_a_setting_count_as_the_worst_one(dataset: Dataset, answer: str) -> None:
    found = graded(dataset, best_settings(dataset.private), answer or "none")
    losses = pd.read_csv(dataset.private / "losses.csv").groupby("job")["loss"]
    assert found.score == pytest.approx((losses.max() - losses.min()).mean())
    assert found.anchored == 0


def test_a_second_recommendation_for_a_job_does_not_count(dataset: Dataset) -> None:
    jobs = pd.read_csv(dataset.private / "losses.csv")["job"].unique()
    first = "\n".join(f"{job} 2 2 2 -" for job in jobs)
    both = graded(dataset, f"{first}\n{best_settings(dataset.private)}").score
    assert both == graded(dataset, first).score > 0


def test_a_tuner_cannot_ask_for_all_settings_at_once(dataset: Dataset) -> None:
    program = """
import sys
jobs = [line.strip() for line in iter(sys.stdin.readline, "\\n")]
for job in jobs[:2]:
    for level in range(5):
        for leaf in range(5):
            print(job, level, 0, leaf, "-")
print(flush=True)
sys.stdin.read()
"""
    found = grader_of(dataset).grade({"tune.py": program.encode()})
    assert found.error_code == "too_many_lines"

"""Admissions are worth what completed places bring, less a fine for unequal opportunity."""

from __future__ import annotations

import pandas as pd
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.grading.grade import Grade
from mle_gym.grading.open_grader import open_grader
from mle_gym.tasks.catalog import load_task


@pytest.fixture
def dataset() -> Dataset:
    return prepare(load_task("fair-scoring"), DatasetOptions(size="micro"))


def best(dataset: Dataset) -> pd.DataFrame:
    answers = pd.read_csv(dataset.private / "answers.csv")[["applicant", "admit"]]
    return answers.merge(pd.read_csv(dataset.private / "chances.csv"), on="applicant")


def graded(dataset: Dataset, admit: pd.Series) -> Grade:
    table = best(dataset)[["applicant"]].assign(admit=admit)
    return open_grader(dataset).grade(table.to_csv(index=False).encode())


def test_the_best_admissions_are_fair_and_score_one(dataset: Dataset) -> None:
    grade = graded(dataset, best(dataset)["admit"])
    assert grade.score == pytest.approx(1)
    assert float(grade.parts["gap"]) < 0.1


def test_admitting_nobody_scores_nothing_and_everybody_less(dataset: Dataset) -> None:
    admit = best(dataset)["admit"]
    nobody, everybody = graded(dataset, admit * 0), graded(dataset, admit * 0 + 1)
    assert nobody.score == nobody.parts["gap"] == 0
    assert everybody.score is not None
    assert everybody.score < 0
    assert everybody.parts["constraint met"] == "yes"


def test_keeping_one_group_out_is_fined(dataset: Dataset) -> None:
    table = best(dataset)
    grade = graded(dataset, table["admit"].where(table["origin"] == "local", 0))
    assert grade.parts["constraint met"] == "no"
    assert float(grade.parts["euros for each applicant"]) > 0
    assert grade.score is not None
    assert grade.score < 0

"""Reviews of payments are worth the losses that they avert, less what they cost."""

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
    return prepare(load_task("fraud"), DatasetOptions(size="micro"))


def graded(dataset: Dataset, review: pd.Series) -> Grade:
    table = pd.read_csv(dataset.private / "answers.csv")[["id"]].assign(review=review)
    return open_grader(dataset).grade(table.to_csv(index=False).encode())


def test_the_best_reviews_score_one_and_none_score_nothing(dataset: Dataset) -> None:
    best = pd.read_csv(dataset.private / "answers.csv")["review"]
    assert graded(dataset, best).score == pytest.approx(1)
    assert graded(dataset, best * 0).score == 0


def test_reviews_of_everything_cost_more_than_they_save(dataset: Dataset) -> None:
    best = pd.read_csv(dataset.private / "answers.csv")["review"]
    grade = graded(dataset, best * 0 + 1)
    assert grade.score is not None
    assert grade.score < 0
    assert grade.normalized == 0
    assert grade.parts["reviews"] <= len(best)
    assert grade.parts["euros saved"] < 0


def test_half_of_the_best_reviews_save_a_part(dataset: Dataset) -> None:
    best = pd.read_csv(dataset.private / "answers.csv")["review"]
    score = graded(dataset, best.where(best.index % 2 == 0, 0)).score
    assert score is not None
    assert 0.2 < score < 0.8

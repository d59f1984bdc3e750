"""Floor and ceiling: of the dataset at hand, measured once, and compared with a tolerance."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mle_gym.datasets.anchors import Anchors, read_anchors, record_anchors
from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.grading.leaderboard import better
from mle_gym.grading.open_grader import open_grader
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.spec import TaskSpec
from tests.tiers import few_quick

MakeTask = Callable[..., TaskSpec]
MakeDataset = Callable[[TaskSpec, str], Dataset]

ANSWERS = "id,y,Usage\n1,1,Public\n2,0,Public\n3,1,Private\n4,1,Private\n5,0,Private\n6,1,Private\n"
SOLVED = b"id,y\n1,1\n2,0\n3,1\n4,1\n5,0\n6,1\n"
HALF = b"id,y\n1,1\n2,0\n3,1\n4,0\n5,0\n6,0\n"
"""A submission that is right in 2 of the 4 private rows. The sample, all 0, is right in 1."""


@pytest.fixture
def toy(make_task: MakeTask, make_dataset: MakeDataset) -> Dataset:
    return make_dataset(make_task(), ANSWERS)


def test_the_floor_is_what_the_dataset_s_own_sample_scores(toy: Dataset) -> None:
    sample = (toy.public / "sample_submission.csv").read_bytes()
    grade = PredictionsGrader(toy).grade(sample)
    assert (grade.score, grade.floor) == (0.25, 0.25)
    assert (grade.beats_floor, grade.anchored) == (False, 0.0)
    assert toy.anchors == Anchors(0.25, 1.0)


def test_without_a_solution_the_declared_best_is_the_ceiling(toy: Dataset) -> None:
    grader = PredictionsGrader(toy)
    assert grader.grade(HALF).anchored == pytest.approx((0.5 - 0.25) / (1 - 0.25))
    assert grader.grade(SOLVED).anchored == 1.0
    assert grader.grade(b"id,y\n1,1\n2,0\n3,0\n4,0\n5,1\n6,0\n").anchored == 0.0
    assert grader.grade(None).anchored == 0.0


def test_the_floor_is_measured_once_until_what_measures_it_changes(toy: Dataset) -> None:
    PredictionsGrader(toy).grade(SOLVED)
    file = toy.public.parent / "anchors.json"
    entry = json.loads(file.read_bytes())
    entry["strict"]["floor"] = 0.5
    file.write_text(json.dumps(entry))
    assert PredictionsGrader(toy).grade(HALF).beats_floor is False
    (toy.task.folder / "solution.py").write_text("")
    grade = PredictionsGrader(toy).grade(HALF)
    assert (grade.floor, grade.ceiling) == (
        0.25,
        None,
    )  # the ceiling requires a run of the solution


@pytest.mark.parametrize("content", ["", "[]", "{", '{"strict": 3}', '{"strict": {"floor": "x"}}'])
def test_a_damaged_record_of_anchors_is_measured_again(toy: Dataset, content: str) -> None:
    (toy.public.parent / "anchors.json").write_text(content)
    assert PredictionsGrader(toy).grade(HALF).floor == 0.25


def test_anchors_of_one_kind_of_grading_leave_the_other_s_alone(tmp_path: Path) -> None:
    record_anchors(tmp_path, "strict", "a", Anchors(0.1, 0.9))
    record_anchors(tmp_path, "parity", "b", Anchors(0.2, None))
    assert read_anchors(tmp_path) == Anchors(0.1, 0.9)
    assert read_anchors(tmp_path, "parity", "b") == Anchors(0.2)
    assert read_anchors(tmp_path, "parity", "a") == Anchors()


def test_answers_that_were_handed_in_have_no_floor(toy: Dataset) -> None:
    from mle_gym.grading.open_grader import grade

    result = grade(toy.task, HALF, toy.private / "answers.csv")
    assert result.valid
    assert result.beats_floor is result.anchored is result.floor is result.ceiling is None


def test_a_ceiling_no_better_than_the_floor_is_the_declared_best(
    make_task: MakeTask, make_dataset: MakeDataset
) -> None:
    medals = "[medals]\ngold = 0.2\nsilver = 0.15\nbronze = 0.1"
    task = make_task(tables=medals)
    competition = task.model_copy(
        update={"data": task.data.model_copy(update={"loader": "kaggle"})}
    )
    assert PredictionsGrader(make_dataset(competition, ANSWERS)).grade(HALF).ceiling == 1.0
    generous = medals.replace("0.2", "0.75")
    medal = make_task(tables=generous).medals
    assert (
        PredictionsGrader(make_dataset(competition.model_copy(update={"medals": medal}), ANSWERS))
        .grade(HALF)
        .ceiling
        == 0.75
    )


def test_where_even_the_best_is_no_better_nothing_can_be_gained(
    make_task: MakeTask, make_dataset: MakeDataset
) -> None:
    grade = PredictionsGrader(make_dataset(make_task(), "id,y\n1,0\n2,0\n")).grade(
        b"id,y\n1,0\n2,0\n"
    )
    assert (grade.floor, grade.ceiling, grade.beats_floor, grade.anchored) == (
        1.0,
        None,
        False,
        0.0,
    )


@pytest.mark.parametrize("higher", [True, False])
@pytest.mark.parametrize(
    ("score", "other"), [(0.5, 0.5000049), (80_000.0, 80_000.05), (-3.0, -3.0)]
)
def test_scores_closer_than_their_resolution_are_equal(
    score: float, other: float, higher: bool
) -> None:
    assert not better(score, other, higher)
    assert not better(other, score, higher)


def test_scores_further_apart_are_not_equal() -> None:
    assert better(0.50001, 0.5, True)
    assert better(0.5, 0.50001, False)
    assert better(80_001.0, 80_000.0, True)


SPELLINGS: dict[str, Callable[[Any], Any]] = {
    "six digits": lambda table: table.round(6),
    "reordered": lambda table: table.sample(frac=1, random_state=0),
    "columns turned round": lambda table: table[table.columns[::-1]],
    "as numbers with a point": lambda table: table.astype(
        {name: float for name in table.columns[1:] if table[name].dtype.kind == "i"}
    ),
}
OFFLINE = (
    "breast-cancer", "chess-endgame", "cpu-performance", "diabetes", "digits", "glass",
    "iris-pipeline", "penguins", "titanic", "wine", "zoo",
)  # fmt: skip


@pytest.mark.parametrize(
    "task", few_quick(OFFLINE, ("titanic", "diabetes"), "it prepares three variants of each task")
)
def test_a_sample_never_beats_itself_however_it_is_written(task: str) -> None:
    import pandas as pd

    for variant in (0, 1, 2):
        dataset = prepare(load_task(task), DatasetOptions(variant))
        grader = open_grader(dataset)
        assert isinstance(grader, PredictionsGrader)
        file = dataset.inputs / "sample_submission.csv"
        for spell in SPELLINGS.values():
            content = spell(pd.read_csv(file)).to_csv(index=False).encode()
            grade = grader.grade(content)
            if not grade.valid:  # a declared whole number isn't written with a point
                continue
            assert (grade.beats_floor, grade.anchored or 0.0) == (False, 0.0)
            assert not grader.promising(content)


def test_what_is_promising_differs_from_the_sample_and_from_row_to_row(
    make_task: MakeTask, make_dataset: MakeDataset
) -> None:
    task = make_task('id = "int", y = { type = "float", sample = 9.0 }', "rmse", 10.0, 0.0)
    grader = PredictionsGrader(make_dataset(task, "id,y\n1,0\n2,1\n3,2\n"))
    assert grader.promising(b"id,y\n1,9\n2,9\n3,8\n")
    for nothing in (b"id,y\n1,9.0\n2,9\n3,9.0\n", b"id,y\n1,8\n2,8\n3,8\n", b"id,y\n1,9\n", b""):
        assert not grader.promising(nothing)


def test_a_sample_that_differs_from_row_to_row_is_not_promising_either(toy: Dataset) -> None:
    sample = toy.public / "sample_submission.csv"
    sample.write_bytes(HALF)
    grader = PredictionsGrader(replace(toy))
    assert not grader.promising(HALF)
    assert grader.promising(SOLVED)

"""Parity and strict grading use the same columns, in every built-in competition."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mle_gym.errors import DatasetError
from mle_gym.grading.open_grader import grade
from mle_gym.grading.parity import RULES
from mle_gym.integrations.mle_bench.published import competitions
from mle_gym.tasks.catalog import load_task, task_folders
from mle_gym.tasks.spec import TaskSpec

BUILT_IN = sorted(RULES.keys() & task_folders().keys())


@pytest.mark.parametrize("competition", BUILT_IN)
def test_a_rule_names_the_columns_of_its_task(competition: str) -> None:
    task, rule = load_task(competition), RULES[competition]
    assert rule.key == task.submission.id
    if rule.targets:
        assert set(rule.targets) == set(task.submission.predicted)


@pytest.mark.parametrize("competition", BUILT_IN)
def test_a_task_has_the_published_thresholds(competition: str) -> None:
    task, published = load_task(competition), competitions()[competition]
    assert task.medals.thresholds == published.thresholds.to_dict()
    assert task.grade.higher_is_better == published.higher_is_better
    assert task.data.ref == competition


MORE = {
    "detecting-insults-in-social-commentary": {
        "Date": ["20120502173553Z", "", "", ""],
        "Usage": ["PublicTest", "PrivateTest", "PrivateTest", "PublicTest"],
    },
    "new-york-city-taxi-fare-prediction": {"passenger_count": [1, 2, 3, 1]},
    "nomad2018-predict-transparent-conductors": {"spacegroup": [33, 194, 227, 167]},
    "ranzcr-clip-catheter-line-classification": {"PatientID": ["a", "b", "c", "d"]},
    "tabular-playground-series-may-2022": {"f_27": ["ABABDADBAB"] * 4},
}
"""Columns that MLE-bench's files of answers have beside those of a submission."""


def theirs(task: TaskSpec) -> pd.DataFrame:
    """Four rows of the answers that MLE-bench keeps in ``prepared/private``."""
    rows: dict[str, list[object]] = {}
    for at, (name, column) in enumerate(task.submission.columns.items()):
        if name == task.submission.id:
            rows[name] = [1, 2, 3, 4] if column.type == "int" else ["01", "02", "03", "04"]
        elif name in task.submission.sum_to_one:
            rows[name] = [int(row % len(task.submission.sum_to_one) == at - 1) for row in range(4)]
        elif column.type == "str":
            rows[name] = ["", "two", "1990", "null"]
        else:
            rows[name] = [1, 0, 1, 0]
    if task.id.startswith("jigsaw"):  # a row that Kaggle never scored
        rows = {name: [*cells[:3], "04" if name == "id" else -1] for name, cells in rows.items()}
    if task.id == "tabular-playground-series-dec-2021":
        rows["Cover_Type"] = [1, 2, 3, 7]
    return pd.DataFrame({**rows, **MORE.get(task.id, {})})


@pytest.mark.parametrize("competition", BUILT_IN)
def test_answers_of_mle_bench_serve_in_strict_grading_too(competition: str, tmp_path: Path) -> None:
    task = load_task(competition)
    table = theirs(task)
    table.to_csv(tmp_path / "test.csv", index=False)
    perfect = table[list(task.submission.columns)].replace(-1, 0)
    strict = grade(task, perfect, tmp_path / "test.csv")
    assert strict.valid, strict.error_message
    assert strict.score == pytest.approx(task.grade.best, abs=1e-9)
    assert grade(task, perfect, tmp_path / "test.csv", parity=True).valid


def test_what_are_no_answers_of_anybody_is_said_in_our_words(tmp_path: Path) -> None:
    task = load_task("detecting-insults-in-social-commentary")
    for content in (b"Insult,Date\n1,2\n", b"Insult,Comment\n1,\0\n", b"\xff"):
        (tmp_path / "test.csv").write_bytes(content)
        with pytest.raises(DatasetError, match="these answers are not a perfect submission"):
            grade(task, b"", tmp_path / "test.csv")
    with pytest.raises(DatasetError, match="found: No such file"):
        grade(task, b"", tmp_path / "nowhere.csv")

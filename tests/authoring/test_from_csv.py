"""Tasks from a plain folder of CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mle_gym
from mle_gym.authoring import from_csv
from mle_gym.authoring.from_csv import task_from_csv
from mle_gym.authoring.validate_task import validate_task
from mle_gym.errors import TaskError
from mle_gym.metrics import METRICS
from mle_gym.tasks.load import load_folder
from tests.tiers import few_quick

ROWS = 120


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    size = rng.normal(100, 15, ROWS).round(2)
    kind = np.where(size > 105, "oak", np.where(size > 95, "elm", "ash"))
    return pd.DataFrame(
        {
            "tree": [f"t{at}" for at in rng.permutation(ROWS)],
            "size": size,
            "price": (size * 3 + rng.normal(0, 50, ROWS)).clip(1).round(1),
            "kind": kind,
            "tall": size + rng.normal(0, 9, ROWS) > 100,
        }
    )


def source(folder: Path, table: pd.DataFrame, target: str, sample: list[str]) -> Path:
    """The three files, with 40 unlabelled test rows."""
    folder.mkdir()
    kept = table[["tree", "size", target]]
    kept[:80].to_csv(folder / "train.csv", index=False)
    kept[80:].drop(columns=target).to_csv(folder / "test.csv", index=False)
    kept[80:][["tree"]].assign(**dict.fromkeys(sample, 0)).to_csv(
        folder / "sample_submission.csv", index=False
    )
    return folder


def test_a_target_with_one_value_is_no_task(tmp_path: Path, table: pd.DataFrame) -> None:
    files = source(tmp_path / "csv", table.assign(price=7), "price", ["price"])
    with pytest.raises(TaskError, match="price: expected two values or more to predict, found onl"):
        task_from_csv(tmp_path / "trees", files, "rmse")


def test_a_constant_that_scores_the_best_is_no_task(
    tmp_path: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = source(tmp_path / "csv", table, "price", ["price"])
    monkeypatch.setattr(
        from_csv, "_measure", lambda *_: (0.0, 0.0)
    )  # otherwise it would depend on luck
    with pytest.raises(TaskError, match="predictions can beat, found rmse 0 for a constant guess"):
        task_from_csv(tmp_path / "trees", files, "rmse")
    assert not (tmp_path / "trees").exists()


@pytest.mark.parametrize(
    ("metric", "target", "sample", "expected"),
    few_quick(
        [
            ("accuracy", "kind", ["kind"], {"worst": 0.0, "best": 1.0}),
            ("accuracy", "tall", ["tall"], {"worst": 0.0, "best": 1.0}),
            ("roc_auc", "tall", ["tall"], {"worst": 0.5, "best": 1.0}),
            ("log_loss", "kind", ["ash", "elm", "oak"], {"best": 0.0}),
            ("rmsle", "price", ["price"], {"best": 0.0}),
            ("r2", "price", ["price"], {"best": 1.0}),
        ],
        lambda case: case[1] == "tall" and case[0] == "accuracy",
        "all checks run for each",
    ),
)
def test_three_files_and_a_metric_are_a_task(
    tmp_path: Path,
    table: pd.DataFrame,
    metric: str,
    target: str,
    sample: list[str],
    expected: dict[str, float],
) -> None:
    files = task_from_csv(
        tmp_path / "trees", source(tmp_path / "csv", table, target, sample), metric
    )
    assert [file.name for file in files] == [
        "task.toml", "description.md", "train.csv", "key", "split.json"
    ]  # fmt: skip
    task = load_folder(tmp_path / "trees")
    assert (task.id, task.title, task.grade.metric) == ("trees", "Trees", metric)
    assert task.submission.predicted == tuple(sample)
    assert task.data.test_size == 0.33
    assert {name: getattr(task.grade, name) for name in expected} == expected
    assert task.grade.higher_is_better == METRICS[metric].higher_is_better
    failed = [c for c in validate_task(task.folder, run_programs=False) if not c.passed]
    assert [c.name for c in failed if "give" not in c.name] == []
    dataset = mle_gym.prepare(task)
    assert len(pd.read_csv(dataset.public / "test.csv")) == 26
    grade = mle_gym.grade(task, dataset.public / "sample_submission.csv")
    assert task.reference is not None
    assert grade.score == pytest.approx(task.reference.floor, abs=1e-4)
    assert grade.normalized < 0.9


def test_an_id_that_only_the_sample_has_is_made_anew(tmp_path: Path, table: pd.DataFrame) -> None:
    folder = source(tmp_path / "csv", table, "price", ["price"])
    for name in ("train.csv", "test.csv"):
        pd.read_csv(folder / name).drop(columns="tree").to_csv(folder / name, index=False)
    task_from_csv(tmp_path / "trees", folder, "mae", title="My trees")
    task = load_folder(tmp_path / "trees")
    assert task.submission.columns["tree"].type == "int"
    assert task.title == "My trees"


def test_parameters_of_the_metric_are_kept(tmp_path: Path, table: pd.DataFrame) -> None:
    folder = source(tmp_path / "csv", table, "price", ["price"])
    task_from_csv(tmp_path / "trees", folder, "pinball", params={"alpha": 0.9})
    assert load_folder(tmp_path / "trees").grade.params == {"alpha": 0.9}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "acuracy"}, "did you mean 'accuracy'"),
        ({"metric": "accuracy", "params": {"k": 3}}, "unknown parameter 'k'"),
        ({"metric": "accuracy", "target": "height"}, "--target: expected a column of train"),
        ({"metric": "roc_auc"}, "expected a column a class, found one column for 3 values"),
        ({"metric": "rmse"}, "kind: expected numbers in every row, found text values"),
    ],
)
def test_what_makes_no_task_is_said_and_leaves_nothing(
    tmp_path: Path, table: pd.DataFrame, options: dict[str, Any], message: str
) -> None:
    folder = source(tmp_path / "csv", table, "kind", ["kind"])
    with pytest.raises(TaskError, match=message):
        task_from_csv(tmp_path / "trees", folder, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["csv"]


@pytest.mark.parametrize("number", ["9" * 400, "1e308"])
def test_numbers_without_a_mean_make_no_task(
    tmp_path: Path, table: pd.DataFrame, number: str
) -> None:
    folder = source(tmp_path / "csv", table, "price", ["price"])
    cells = pd.read_csv(folder / "train.csv", dtype=str)
    cells.loc[:40, "price"] = number
    cells.to_csv(folder / "train.csv", index=False)
    with pytest.raises(TaskError, match="price: expected numbers of which there is a mean"):
        task_from_csv(tmp_path / "trees", folder, "mae")


def test_files_that_do_not_fit_are_said(tmp_path: Path, table: pd.DataFrame) -> None:
    folder = source(tmp_path / "csv", table, "kind", ["a", "b"])
    train = pd.read_csv(folder / "train.csv").assign(more=1)
    train.to_csv(folder / "train.csv", index=False)
    with pytest.raises(TaskError, match="found kind, more; name the column to predict"):
        task_from_csv(tmp_path / "trees", folder, "log_loss")
    (folder / "test.csv").unlink()
    with pytest.raises(TaskError, match=r"found no test\.csv"):
        task_from_csv(tmp_path / "trees", folder, "log_loss")
    with pytest.raises(TaskError, match="lower case"):
        task_from_csv(tmp_path / "My Trees", folder, "log_loss")

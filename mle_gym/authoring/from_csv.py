"""A task from a plain folder of ``train.csv``, ``test.csv`` and ``sample_submission.csv``.

As Kaggle gives them: the test rows have no answers, so the task splits the training rows again, in
the same proportion, and its submissions look like the sample.
"""

from __future__ import annotations

import math
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.authoring.draw_key_and_split import write_missing
from mle_gym.authoring.inferred_columns import (
    class_names,
    column_for,
    id_type,
    params_for,
    relabelling,
)
from mle_gym.authoring.new_task import check_place
from mle_gym.datasets.answers import USAGE
from mle_gym.datasets.keys import KEY_FILE
from mle_gym.datasets.prepare import prepare
from mle_gym.datasets.stored_split import SPLIT_FILE
from mle_gym.datasets.tables import read_cells
from mle_gym.errors import DatasetError, TaskError
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.metrics import Metric, get_metric
from mle_gym.paths import below
from mle_gym.tasks.load import load_folder
from mle_gym.tasks.submission_schema import Column
from mle_gym.tasks.toml_writer import dump

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["task_from_csv"]

TRAIN, TEST, SAMPLE = "train.csv", "test.csv", "sample_submission.csv"
SMALLEST, LARGEST = 0.1, 0.5
"""Bounds of the fraction of rows that are split off."""
FEWEST = 4
"""Rows of which both parts can have two."""
RAREST = 10
"""Rows of the rarest class from which on the split keeps the classes' proportions."""
KINDS = {
    "label": "tabular-classification",
    "probability": "tabular-classification",
    "number": "tabular-regression",
    "ranking": "ranking",
    "mask": "segmentation",
}
DESCRIPTION = """\
Predict {targets} of the rows of `test.csv` from what the rows of `train.csv` show.

{note}
"""


@dataclass(frozen=True)
class _Tables:
    """The three files, every cell as the text that it is."""

    folder: Path
    train: pd.DataFrame
    test: pd.DataFrame
    sample: pd.DataFrame

    @classmethod
    def read(cls, folder: Path) -> _Tables:
        files = {name: below(folder, name, TaskError) for name in (TRAIN, TEST, SAMPLE)}
        missing = [name for name, file in files.items() if not file.is_file()]
        if missing:
            raise TaskError(
                f"{folder}: expected {TRAIN}, {TEST} and {SAMPLE}, found no {missing[0]}"
            )
        tables = cls(folder, *map(read_cells, files.values()))
        tables.check()
        return tables

    def check(self) -> None:
        """Refuse what no metric could do with, in the words of the user's own files."""
        header = list(self.sample.columns)
        if "" in header or USAGE in header:
            wrong = "an empty one" if "" in header else f"{USAGE!r}, which answers have beside them"
            raise TaskError(f"{SAMPLE}: expected names of columns, found {wrong}")
        if len(header) == 1 and (found := re.search(r"[;\t|]", header[0])):
            raise TaskError(f"{SAMPLE}: expected commas between columns, found {found[0]!r}")
        if len(self.train) < FEWEST:
            raise TaskError(f"{TRAIN}: expected {FEWEST} rows or more, found {len(self.train)}")
        ids = self.train[self.id] if self.id in self.train else self.train.index.to_series()
        if ids.isna().any():
            raise TaskError(f"{TRAIN}: {self.id}: expected an id in every row, found an empty cell")
        if ids.duplicated().any():
            twice = ids[ids.duplicated()].iloc[0]
            raise TaskError(f"{TRAIN}: {self.id}: expected ids that differ, found {twice!r} twice")

    @property
    def id(self) -> str:
        """The first column of the sample."""
        return str(self.sample.columns[0])

    @property
    def predicted(self) -> list[str]:
        """Its other columns."""
        return [str(name) for name in self.sample.columns[1:]]


def task_from_csv(
    folder: str | Path,
    source: str | Path,
    metric: str,
    *,
    params: Mapping[str, Any] | None = None,
    target: str | None = None,
    title: str | None = None,
) -> list[Path]:
    """Write a task folder.

    Args:
        folder: Where; its name is the task's id.
        source: The folder with the three files.
        metric: A metric's name.
        params: Its parameters.
        target: The column to predict, where the sample has one column a class and more than one
            column of ``train.csv`` is missing from ``test.csv``.
        title: For people; by default made of the name.

    Returns:
        The files, task.toml first.

    Raises:
        TaskError: The files don't make a task with this metric; says what was expected.
        DatasetError: A file is no CSV file.
        OSError: A file can't be read or written.
    """
    place = Path(folder).expanduser().absolute()
    check_place(place)
    tables, chosen = _Tables.read(Path(source).expanduser()), get_metric(metric)
    chosen.complete(params or {})
    targets = _targets(tables, target)
    _check_targets(tables, targets)
    content = _content(tables, chosen, targets, dict(params or {}))
    content |= {"id": place.name, "title": title or place.name.replace("-", " ").capitalize()}
    place.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        _write(made, tables, content, targets)
        made.chmod(0o755)
        made.rename(place)
    except (TaskError, DatasetError) as error:
        shutil.rmtree(made, ignore_errors=True)
        raise type(error)(str(error).replace(str(made), str(place))) from None
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return [place / name for name in ("task.toml", "description.md", TRAIN, KEY_FILE, SPLIT_FILE)]


def _targets(tables: _Tables, named: str | None) -> list[str]:
    """The columns of train.csv that hold the answers."""
    columns = [str(name) for name in tables.train.columns]
    if not tables.predicted:
        raise TaskError(f"{SAMPLE}: expected an id and a column to predict, found {columns[:1]}")
    if named is None and set(tables.predicted) <= set(columns):
        return tables.predicted
    hidden = [name for name in columns if name not in tables.test.columns and name != tables.id]
    if named is None and len(hidden) != 1:
        found = ", ".join(hidden) or "none"
        raise TaskError(
            f"{TRAIN}: expected the columns {', '.join(tables.predicted[:5])} of {SAMPLE}, or one "
            f"column that {TEST} lacks, found {found}; name the column to predict (--target)"
        )
    chosen = named or hidden[0]
    if chosen not in columns:
        raise TaskError(f"--target: expected a column of {TRAIN}, found {chosen!r}")
    return [chosen]


def _check_targets(tables: _Tables, targets: list[str]) -> None:
    """Refuse answers that are known without a look at the rows."""
    if all(tables.train[name].nunique(dropna=False) < 2 for name in targets):
        found = tables.train[targets[0]].iloc[0]
        raise TaskError(
            f"{TRAIN}: {targets[0]}: expected two values or more to predict, found only {found!r}"
        )


def _content(
    tables: _Tables, metric: Metric, targets: list[str], params: dict[str, Any]
) -> dict[str, Any]:
    """The tables of task.toml; the scale of scores is measured later."""
    by_class = targets != tables.predicted
    if by_class and metric.kind != "probability":
        wanted = ", ".join(tables.predicted[:5])
        raise TaskError(f"{TRAIN}: expected the columns {wanted} of {SAMPLE}, found none so called")
    labels = _labels(tables, metric, targets)
    columns: dict[str, Any] = dict.fromkeys(tables.predicted, "probability")
    if not by_class:
        columns = {name: column_for(tables.train[name], metric, labels) for name in columns}
        params = params_for(metric, columns[tables.predicted[0]]) | params
    _check_columns(metric, columns)
    ids = _id_type(tables)
    submission: dict[str, Any] = {"columns": {tables.id: ids, **columns}}
    if by_class:
        submission["sum_to_one"] = tables.predicted
    data = _data(tables, metric, targets)
    if ids == "str":  # names, which other files may be called after
        data["keep_ids"] = True
    return {
        "id": "",
        "version": 0,
        "title": "",
        "kind": KINDS.get(metric.kind, "other"),
        "data": data | ({"labels": labels} if labels else {}),
        "submission": submission,
        "grade": {"metric": metric.name, "params": params},
    }


def _data(tables: _Tables, metric: Metric, targets: list[str]) -> dict[str, Any]:
    """Where the rows come from, and how they are split: as many test rows as the CSV files have."""
    share = len(tables.test) / (len(tables.train) + len(tables.test))
    return {
        "loader": "files",
        "ref": TRAIN,
        "id": tables.id,
        "target": targets,
        "test_size": round(min(max(share, SMALLEST), LARGEST), 2),
        "stratify": _can_stratify(tables.train, targets, metric),
    }


def _labels(tables: _Tables, metric: Metric, targets: list[str]) -> dict[str, Any]:
    """New names for the values of the target."""
    columns = [tables.train[name] for name in targets]
    if targets != tables.predicted:
        return dict(class_names(columns[0], tables.predicted))
    return dict(relabelling(columns, metric))


def _check_columns(metric: Metric, columns: Mapping[str, Any]) -> None:
    try:
        metric.check_columns([Column.model_validate(given).type for given in columns.values()])
    except TaskError as error:
        raise TaskError(f"{SAMPLE}: {error}") from None


def _id_type(tables: _Tables) -> str:
    """Ids that train.csv lacks become new numbers."""
    return "int" if tables.id not in tables.train else id_type(tables.train[tables.id].tolist())


def _can_stratify(train: pd.DataFrame, targets: list[str], metric: Metric) -> bool:
    if len(targets) != 1 or metric.kind not in ("label", "probability"):
        return False
    return bool(train[targets[0]].value_counts().min() >= RAREST)


def _write(folder: Path, tables: _Tables, content: dict[str, Any], targets: list[str]) -> None:
    shutil.copyfile(tables.folder / TRAIN, folder / TRAIN)
    names = ", ".join(f"`{name}`" for name in targets)
    note = f"The rows come from a `{TRAIN}` whose answers are known, and were split anew."
    description = DESCRIPTION.format(targets=names, note=note)
    (folder / "description.md").write_text(description, encoding="utf-8")
    metric = get_metric(content["grade"]["metric"])
    floor, answers = _measure(folder, content, metric)
    best = float(metric.best) if math.isfinite(metric.best) else answers
    if floor == best:
        raise TaskError(
            f"{SAMPLE}: expected a score that predictions can beat, found {metric.name} {floor:g} "
            "for a constant guess, which is the best there is; take another metric, or more rows"
        )
    content["grade"] |= {"worst": _worst(metric, floor), "best": best}
    content["reference"] = {"floor": round(floor, 6)}
    (folder / "task.toml").write_text(dump(content), encoding="utf-8")


def _measure(folder: Path, content: dict[str, Any], metric: Metric) -> tuple[float, float]:
    """The scores of the sample submission and the answers, by a task whose scale doesn't matter."""
    scale = {"worst": 0.0, "best": 1.0} if metric.higher_is_better else {"worst": 1.0, "best": 0.0}
    trial = {**content, "grade": content["grade"] | scale}
    (folder / "task.toml").write_text(dump(trial), encoding="utf-8")
    task = load_folder(folder)
    write_missing(task)
    dataset = prepare(task)
    grader = PredictionsGrader(dataset)
    floor = grader.grade((dataset.public / SAMPLE).read_bytes())
    if floor.score is None:
        raise TaskError(f"{SAMPLE}: a constant guess can't be scored: {floor.error_message}")
    answers = read_cells(dataset.private / "answers.csv").drop(columns=USAGE)
    best = grader.grade(answers.to_csv(index=False).encode())
    if best.score is None:
        raise TaskError(f"{TRAIN}: the answers can't be scored: {best.error_message}")
    return floor.score, best.score


def _worst(metric: Metric, floor: float) -> float:
    """What a constant guess scores; of labels the metric's own, so that a score is a share."""
    return float(metric.worst) if metric.kind == "label" else floor

"""A task from a plain folder of ``train.csv``, ``test.csv`` and ``sample_submission.csv``.

As Kaggle gives them: the test rows have no answers, so the task splits the training rows anew, in
the same proportion, and its submissions look like the sample.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.errors import TaskError
from mle_gym.grading.metrics import Metric, get_metric
from mle_gym.tasks.keys import KEY_FILE
from mle_gym.tasks.scaffold import check_place
from mle_gym.tasks.stored_split import SPLIT_FILE
from mle_gym.tasks.tables import kind, read_csv
from mle_gym.tasks.toml import dump

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["task_from_csv"]

TRAIN, TEST, SAMPLE = "train.csv", "test.csv", "sample_submission.csv"
SMALLEST, LARGEST = 0.1, 0.5
"""Bounds of the fraction of rows that are split off."""
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
    folder: Path
    train: pd.DataFrame
    test: pd.DataFrame
    sample: pd.DataFrame

    @classmethod
    def read(cls, folder: Path) -> _Tables:
        missing = [name for name in (TRAIN, TEST, SAMPLE) if not (folder / name).is_file()]
        if missing:
            raise TaskError(
                f"{folder}: expected {TRAIN}, {TEST} and {SAMPLE}, found no {missing[0]}"
            )
        return cls(folder, *(read_csv(folder / name) for name in (TRAIN, TEST, SAMPLE)))

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
    content = _content(tables, chosen, targets, dict(params or {}))
    content |= {"id": place.name, "title": title or place.name.replace("-", " ").capitalize()}
    place.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        _write(made, tables, content, targets)
        made.chmod(0o755)
        made.rename(place)
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


def _content(
    tables: _Tables, metric: Metric, targets: list[str], params: dict[str, Any]
) -> dict[str, Any]:
    """The tables of task.toml; the scale of scores is measured later."""
    train, by_class = tables.train, targets != tables.predicted
    labels = {} if by_class else _labels(train, metric, targets)
    columns: dict[str, Any] = {tables.id: _id_type(tables)}
    for name in tables.predicted:
        columns[name] = "probability" if by_class else _column(train[name], metric, labels)
    submission: dict[str, Any] = {"columns": columns}
    if by_class:
        submission["sum_to_one"] = tables.predicted
    share = len(tables.test) / (len(train) + len(tables.test))
    data = {
        "loader": "files",
        "ref": TRAIN,
        "id": tables.id,
        "target": targets,
        "test_size": round(min(max(share, SMALLEST), LARGEST), 2),
        "stratify": _can_stratify(train, targets, metric),
    }
    return {
        "id": "",
        "version": 0,
        "title": "",
        "kind": KINDS.get(metric.kind, "other"),
        "data": data | ({"labels": labels} if labels else {}),
        "submission": submission,
        "grade": {"metric": metric.name, "params": params},
    }


def _id_type(tables: _Tables) -> str:
    """Ids that train.csv lacks are numbered anew."""
    if tables.id not in tables.train.columns:
        return "int"
    return "int" if kind(tables.train[tables.id]) == "integer" else "str"


def _labels(train: pd.DataFrame, metric: Metric, targets: Sequence[str]) -> dict[str, int | str]:
    """What to rename the target's values to: probabilities are of 1, and booleans are text."""
    if len(targets) != 1 or metric.kind not in ("label", "probability"):
        return {}
    column = train[targets[0]]
    values = sorted(map(str, column.dropna().unique()))
    if metric.kind == "probability" and kind(column) in ("text", "boolean"):
        if len(values) != 2:
            found = f"{len(values)} values of {targets[0]!r}"
            raise TaskError(f"{SAMPLE}: expected a column a class, found one column for {found}")
        return {values[0]: 0, values[1]: 1}
    return {value: value for value in values} if kind(column) == "boolean" else {}


def _column(values: pd.Series[Any], metric: Metric, labels: Mapping[str, Any]) -> dict[str, Any]:
    """The declaration of a predicted column; its sample is the best constant guess there is."""
    if metric.kind == "probability":
        return {"type": "probability"}
    if metric.kind == "label":
        known = values.map(str) if labels else values
        return {"values": sorted(known.unique().tolist()), "sample": known.mode()[0]}
    if metric.kind == "number":
        if kind(values) not in ("integer", "number") or values.isna().any():
            found = f"{kind(values)} values" if not values.isna().any() else "missing values"
            raise TaskError(f"{TRAIN}: {values.name}: expected numbers in every row, found {found}")
        return {"type": "float", "sample": round(float(values.astype(float).mean()), 6)}
    return {"type": "str"}


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
    floor = _floor(folder, content, metric)
    content["grade"] |= {"worst": _worst(metric, floor), "best": _finite(metric.best)}
    content["reference"] = {"floor": round(floor, 6)}
    (folder / "task.toml").write_text(dump(content), encoding="utf-8")


def _floor(folder: Path, content: dict[str, Any], metric: Metric) -> float:
    """The score of the sample submission, by a task whose scale doesn't matter."""
    from mle_gym.grading.grader import Grader
    from mle_gym.tasks.dataset import prepare
    from mle_gym.tasks.fix import write_missing
    from mle_gym.tasks.spec import TaskSpec

    scale = {"worst": 0.0, "best": 1.0} if metric.higher_is_better else {"worst": 1.0, "best": 0.0}
    trial = {**content, "grade": content["grade"] | scale}
    (folder / "task.toml").write_text(dump(trial), encoding="utf-8")
    task = TaskSpec.load(folder)
    write_missing(task)
    dataset = prepare(task)
    grade = Grader(dataset).grade((dataset.public / SAMPLE).read_bytes())
    if grade.score is None:
        raise TaskError(f"{SAMPLE}: a constant guess can't be scored: {grade.error_message}")
    return grade.score


def _worst(metric: Metric, floor: float) -> float:
    """What a constant guess scores; of labels the metric's own, so that a score is a share."""
    if metric.kind == "label":
        return float(metric.worst)
    step = 1.0 if metric.higher_is_better else -1.0
    return floor if floor != _finite(metric.best) else floor - step


def _finite(best: float) -> float:
    return float(best) if abs(best) != float("inf") else 1.0

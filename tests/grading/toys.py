"""Small tasks in memory, one or more for every metric, with answers for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.grading.csv.hidden_answers import Answers, parse_answers
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.metrics import get_metric
from mle_gym.paths import bundled
from mle_gym.tasks.load import load_folder
from mle_gym.tasks.spec import TaskSpec

ENVS = bundled("envs")
FOLDER = Path(__file__).parent
"""A folder for tasks that have none; nothing in it is read."""


@dataclass(frozen=True)
class Toy:
    """A task without a folder and its answers, id column first."""

    metric: str
    columns: Mapping[str, Any]
    rows: Sequence[Sequence[int | float | str]]
    params: Mapping[str, Any] = field(default_factory=dict)
    sum_to_one: tuple[str, ...] = ()
    given: TaskSpec | None = None
    """A task with a folder."""

    @cached_property
    def task(self) -> TaskSpec:
        if self.given is not None:
            return self.given
        metric = get_metric(self.metric)
        names = list(self.columns)
        return TaskSpec.model_validate(
            {
                "id": "toy",
                "title": "Toy",
                "kind": "other",
                "data": {
                    "loader": "files", "ref": ".", "test_size": 2, "id": names[0],
                    "target": names[1:],
                },
                "submission": {
                    "id": names[0], "columns": self.columns, "sum_to_one": self.sum_to_one,
                },
                "grade": {
                    "metric": self.metric, "params": dict(self.params),
                    "worst": 0.0, "best": 1.0 if metric.higher_is_better else -1.0,
                },
                "folder": FOLDER,
                "description": "A toy.",
            }
        )  # fmt: skip

    @property
    def ids(self) -> list[Any]:
        return [row[0] for row in self.rows]

    @cached_property
    def answers(self) -> Answers:
        usage = ["Public", *["Private"] * (len(self.rows) - 1)]
        lines = [[*self.columns, "Usage"]]
        lines += [[*map(str, row), part] for row, part in zip(self.rows, usage, strict=True)]
        return parse_answers(as_csv(lines), self.task.submission, "the toy's answers")

    @cached_property
    def grader(self) -> PredictionsGrader:
        nowhere = Dataset(self.task, DatasetOptions(), FOLDER, FOLDER, "")
        return PredictionsGrader(nowhere, self.answers)


def as_csv(lines: Sequence[Sequence[str]]) -> bytes:
    """A plain CSV file; every cell is quoted, so that any text survives."""
    return "".join(",".join(map(quoted, line)) + "\n" for line in lines).encode()


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


IDS = (3, 11, 20, 7)
CLASSES = ("a", "b", "c")
LABEL = {"id": "int", "y": {"values": [0, 1]}}
NUMBER = {"id": "int", "y": "float"}
CHANCE = {"id": "int", "y": "probability"}
TEXT = {"id": "int", "y": "str"}
SHARES = {"id": "int", **dict.fromkeys(CLASSES, "probability")}


def one(metric: str, columns: Mapping[str, Any], values: Sequence[Any], **params: Any) -> Toy:
    return Toy(metric, columns, list(zip(IDS, values, strict=True)), params)


def many(metric: str, columns: Mapping[str, Any], values: Sequence[Any], **more: Any) -> Toy:
    rows = [(name, *row) for name, row in zip(IDS, values, strict=True)]
    return Toy(metric, columns, rows, **more)


BITS = (0, 1, 1, 0)
WORDS = {"id": "int", "y": {"values": ["cat", "dog", "NA"]}}
RATING = {"id": "int", "y": "int"}
ONE_HOT = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 0))
FREE = {"id": "int", "y": "str"}
NAMES = {"name": "str", "y": {"min": -2, "max": 1e6}}

TOYS = (
    one("accuracy", LABEL, BITS),
    one("accuracy", FREE, ("", "NA", "1", " x")),
    one("balanced_accuracy", WORDS, ("cat", "dog", "NA", "dog")),
    one("f1", LABEL, BITS),
    one("f1_macro", WORDS, ("cat", "dog", "NA", "dog")),
    one("f1_micro", RATING, (1, 2, 3, 2), labels=[1, 2]),
    one("f1_weighted", WORDS, ("cat", "dog", "NA", "dog")),
    one("f_beta", LABEL, BITS, beta=2.0),
    one("kappa", FREE, ("x", "y", "y", "z")),
    one("linear_kappa", RATING, (1, 2, 4, 4), labels=[1, 2, 3, 4]),
    one("quadratic_kappa", RATING, (1, 2, 4, 4)),
    one("matthews", RATING, (-5, 7, 2**63 - 1, 7)),
    one("roc_auc", CHANCE, BITS),
    one("roc_auc", NUMBER, BITS),
    many("roc_auc_columns", SHARES, ((1, 0, 1), (1, 1, 0), (0, 0, 1), (1, 1, 1))),
    many("roc_auc_macro", SHARES, ONE_HOT, sum_to_one=CLASSES),
    one("average_precision", CHANCE, BITS),
    one("log_loss", CHANCE, BITS),
    many("log_loss", SHARES, ONE_HOT, sum_to_one=CLASSES),
    many("log_loss", {"id": "int", "a": "float", "b": "float"}, ((1, 0), (0, 1), (0, 1), (1, 0))),
    one("brier", NUMBER, BITS),
    one("rmse", NUMBER, (1.5, -2, 0, 1e10)),
    many("mcrmse", {"id": "int", "a": "float", "b": "int"}, ((1, 2), (0.5, 3), (9, -1), (0, 0))),
    one("mse", NUMBER, (1.5, -2, 0, 1e10)),
    one("mae", RATING, (1, -2, 0, 2**53 + 1)),
    one("rmsle", NUMBER, (1.5, 2, 0, 1e10)),
    many("mcrmsle", {"id": "int", "a": "float", "b": "int"}, ((1, 2), (0.5, 3), (9, 1), (0, 0))),
    one("mape", NUMBER, (1.5, -2, 0.25, 1e10)),
    one("smape", NUMBER, (1.5, -2, 0, 1e10)),
    one("pinball", NUMBER, (1.5, -2, 0, 1e10), alpha=0.9),
    one("r2", NUMBER, (1.5, -2, 0, 8)),
    one("pearson", NUMBER, (1.5, -2, 0, 8)),
    Toy("spearman", NAMES, [("1", 1.5), ("01", -2), ("1.0", 0), ("", 8)]),
    one("map_at_k", TEXT, ("a b", "c", "", "é d"), k=3),
    one("ndcg_at_k", TEXT, ("a b", "c", "", "é d"), k=3),
    one("precision_at_k", TEXT, ("a b", "c", "", "é d"), k=2),
    one("recall_at_k", TEXT, ("a b", "c", "", "é d"), k=2),
    one("dice", TEXT, ("1 3 9 2", "", "5 1", "2 90"), pixels=100),
    one("iou", TEXT, ("1 3 9 2", "", "5 1", "2 90")),
    one("levenshtein", TEXT, ("kitten", "", "é\n", "12 34")),
    many(
        "hypervolume",
        {"id": "int", "a": "float", "b": "float"},
        ((1, 2), (2, 1), (0, 0), (3, 3)),
        params={"reference": [0, 0], "goal": "maximize"},
    ),
    one("rmse", {"id": "int", "y": {"type": "float", "values": [0.5, 1, 1e22]}}, (1, 1, 0.5, 1)),
    one("mae", {"id": "int", "y": {"type": "int", "min": -3, "max": 2**53}}, (1, 2, 3, 0)),
    one("qini", NUMBER, (1.5, -2, 0, 8)),
)
"""Every metric and every kind of column. Append only: fuzzers' inputs have their numbers."""


def small(task: TaskSpec) -> Toy:
    """A task of the catalog with six made-up answers."""
    submission = task.submission
    kind = int if submission.columns[submission.id].type == "int" else str
    rows = [
        [kind(number * 7), *(answer(task, name, at, number) for at, name in enumerate(names))]
        for number, names in enumerate([submission.predicted] * 6)
    ]
    columns = {name: submission.columns[name] for name in (submission.id, *submission.predicted)}
    metric, params = task.grade.metric, task.grade.params
    return Toy(metric, columns, rows, params, submission.sum_to_one, task)


def answer(task: TaskSpec, name: str, at: int, row: int) -> int | float | str:
    """What column ``at`` of the predicted ones holds in a row: every class comes up."""
    column, width = task.submission.columns[name], len(task.submission.predicted)
    if column.values:
        return column.values[row % len(column.values)]
    if column.type == "probability":
        return int(row % max(2, width) == at)
    if column.type == "str":
        return f"{row + 1} 1"  # of which any run-length mask may consist
    return 20.0 + row


BUILTIN = tuple(
    small(load_folder(path.parent))
    for path in sorted(ENVS.glob("*/task.toml"))
    if not path.with_name("grade.py").exists()
)
"""One toy for every built-in task that a metric grades; a ``grade.py`` is code in a sandbox."""

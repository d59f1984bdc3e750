"""Replaces names that a model may have memorised by codes: columns, labels, words, the title.

Numbers stay as they are, so what can be learned from the data stays the same. Codes are equal in
train, test, sample submission and answers. Which name gets which code comes from the task's key,
and columns are in the order of their codes: the order of a known table would reveal the names.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mle_gym.datasets.answers import USAGE, label_columns
from mle_gym.datasets.dataset import HIDDEN
from mle_gym.datasets.keys import generator
from mle_gym.datasets.tables import write_csv

if TYPE_CHECKING:
    import numpy as np

    from mle_gym.tasks.spec import TaskSpec

__all__ = ["obfuscate"]

MOST_LABELS = 50
"""A text column with more distinct values is text: its words are replaced one by one."""
WORD = re.compile(r"\w+")
DATE = re.compile(r"\d{4}-?\d\d-?\d\d[\d :.T+-]*(?:Z| UTC)?")
NOT_NAMES = ("average", "goal")
"""Metric parameters whose words are choices, never the name of a column or label."""
DESCRIPTION = """\
Predict {targets} for every row of {rows}.{about_files}

Where the data come from is not told: the names of {coded} are replaced by
codes, the same ones in every file. {kept} are as they were."""


@dataclass
class _Codes:
    """Every replacement made so far."""

    rng: np.random.Generator
    columns: dict[str, str] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    """New column name to its labels' codes."""
    words: dict[str, str] = field(default_factory=dict)

    def shuffled(self, names: Iterable[str]) -> list[str]:
        """The names in an order that reveals nothing."""
        known = list(names)
        return [known[at] for at in self.rng.permutation(len(known))]

    def word(self, match: re.Match[str]) -> str:
        return self.words.setdefault(match[0], f"w{len(self.words) + 1:04}")


def obfuscate(task: TaskSpec, variant: int, folder: Path, about_files: str = "") -> dict[str, Any]:
    """Rewrite a dataset's tables in place; returns what changes in the task.

    Columns become ``f01``, …, the id ``id``, the target ``target``, labels ``c01``, … and words of
    longer texts ``w0001``, …. Files that tables point to keep their names.

    Args:
        task: Whose dataset it is.
        variant: Which one.
        folder: The dataset's, with its public and its private files, and the tables that only
            handed-in programs see if it has such tables.
        about_files: What the brief says of the files, beside what is to be predicted.
    """
    public = folder / "public"
    tables_in = Path.glob if task.data.real else Path.rglob  # competitions' folders hold media
    seen = [path for name in ("public", HIDDEN) for path in tables_in(folder / name, "*.csv")]
    files = [*sorted(seen), folder / "private" / "answers.csv"]
    tables = {file: _read_text(file) for file in files}
    codes = _Codes(generator(task, variant, "obfuscate"))
    codes.columns = _column_codes(task, tables, codes)
    for file in files:
        renamed = tables[file].rename(columns=codes.columns)
        order = sorted((str(name) for name in renamed.columns), key=_place)
        tables[file] = renamed[order]
    for name, replace in _value_codes(task, public, tables, codes).items():
        once = functools.cache(replace)  # most texts occur many times
        for table in tables.values():
            if name in table.columns:
                table[name] = [once(text) if text else "" for text in table[name].tolist()]
    for file, table in tables.items():
        write_csv(table, file)
    changes = _changes(task, codes)
    changes["description"] = _description(task, public, changes["data"]["target"], about_files)
    (public / "description.md").write_text(f"{changes['description']}\n", encoding="utf-8")
    return changes


def _read_text(file: Path) -> pd.DataFrame:
    """Every cell as the text it is in the file, so that what isn't replaced stays as it was.

    As Python's strings: going through a column of pandas's own takes five times as long.
    """
    return pd.read_csv(file, dtype=str, keep_default_na=False).astype(object)


def _place(column: str) -> tuple[int, str]:
    """Where a column stands: the id, features, what is to be predicted, the usage."""
    first = {"i": 0, "f": 1, "U": 3}
    return first.get(column[0], 2), column


def _column_codes(
    task: TaskSpec, tables: dict[Path, pd.DataFrame], codes: _Codes
) -> dict[str, str]:  # fmt: skip
    targets = task.data.target or task.submission.predicted
    coded = {task.submission.id: "id", USAGE: USAGE}
    classes = _column_of_classes(task, tables)
    if classes:
        coded[classes] = "target"
    if classes or task.class_columns:
        predicted = codes.shuffled(task.submission.predicted)
        coded |= {name: f"c{at:02}" for at, name in enumerate(predicted, start=1)}
    for at, name in enumerate(codes.shuffled(targets), start=1):
        coded.setdefault(name, "target" if len(targets) == 1 else f"target{at}")
    train_first = sorted(tables, key=lambda file: file.name != "train.csv")
    features = dict.fromkeys(
        str(n) for file in train_first for n in tables[file].columns if n not in coded
    )
    width, shuffled = max(2, len(str(len(features)))), codes.shuffled(features)
    return coded | {name: f"f{at:0{width}}" for at, name in enumerate(shuffled, start=1)}


def _column_of_classes(task: TaskSpec, tables: dict[Path, pd.DataFrame]) -> str | None:
    """The training column whose labels are the predicted columns, where ``data.target`` is none."""
    predicted = set(task.submission.predicted)
    if task.data.target or len(predicted) < 2:
        return None
    for file, table in tables.items():
        if file.name == "train.csv":
            return next((str(n) for n in table.columns if predicted >= set(table[n])), None)
    return None


def _value_codes(
    task: TaskSpec, public: Path, tables: dict[Path, pd.DataFrame], codes: _Codes
) -> dict[str, Callable[[str], str]]:
    """The function that replaces the values of each text column."""
    replacements: dict[str, Callable[[str], str]] = {}
    for name in dict.fromkeys(str(n) for table in tables.values() for n in table.columns):
        columns = [table[name] for table in tables.values() if name in table.columns]
        distinct = sorted({cell for each in columns for cell in each.unique().tolist() if cell})
        if name in ("id", USAGE) or not _is_text(distinct) or _are_files(distinct, public):
            continue
        if name.startswith("target") and _free(task):
            continue
        if len(distinct) <= MOST_LABELS or name.startswith("target"):
            codes.labels[name] = _label_codes(task, name, distinct, codes)
            replacements[name] = codes.labels[name].__getitem__
        elif not (_keeps_texts(task) and any(" " in text for text in distinct)):
            replacements[name] = lambda text: WORD.sub(codes.word, text)
    return replacements


def _keeps_texts(task: TaskSpec) -> bool:
    """Whether a task is about language, so that texts stay as they are."""
    return task.kind == "text-classification" or _free(task)


def _free(task: TaskSpec) -> bool:
    """Whether texts of any content are predicted."""
    columns = [task.submission.columns[name] for name in task.submission.predicted]
    return any(column.type == "str" and column.values is None for column in columns)


def _is_text(values: list[str]) -> bool:
    """Whether any of a column's values is neither a number nor a boolean nor a date."""
    for value in values:
        if DATE.fullmatch(value):
            continue
        try:
            float(value)
        except ValueError:
            if value not in ("True", "False"):
                return True
    return False


def _label_codes(task: TaskSpec, name: str, labels: list[str], codes: _Codes) -> dict[str, str]:
    if name == "target" and task.class_columns:  # a class and its probability share one code
        return {label: codes.columns[c] for label, c in label_columns(task, labels).items()}
    if set(labels) <= set(task.submission.predicted):
        return {label: codes.columns[label] for label in labels}
    declared = [
        str(value)
        for original, new in codes.columns.items()
        if new == name and original in task.submission.columns
        for value in task.submission.columns[original].values or ()
    ]
    shuffled = codes.shuffled(dict.fromkeys(declared + labels))
    return {label: f"c{at:02}" for at, label in enumerate(shuffled, 1)}


def _are_files(values: list[str], public: Path) -> bool:
    return all(
        "\0" not in value and len(value) < 256 and (public / value).is_file() for value in values
    )


def _description(task: TaskSpec, public: Path, targets: list[str], about_files: str) -> str:
    tables = "`test.csv` from the rows of `train.csv`"
    texts = _keeps_texts(task)
    return DESCRIPTION.format(
        targets=", ".join(f"`{name}`" for name in targets),
        rows=tables if (public / "train.csv").exists() else "`sample_submission.csv`",
        about_files=f"\n\n{about_files}" if about_files else "",
        coded="columns and labels" if texts else "columns, labels and words",
        kept="Numbers and texts" if texts else "Numbers",
    )


def _changes(task: TaskSpec, codes: _Codes) -> dict[str, Any]:
    submission = task.submission.model_dump(mode="json")
    labels = {
        label: code
        for name in ("target", *(f"target{at}" for at in range(1, 100)))
        for label, code in codes.labels.get(name, {}).items()
    }
    rename = codes.columns.__getitem__
    submission["id"] = rename(submission["id"])
    submission["sum_to_one"] = sorted(rename(name) for name in submission["sum_to_one"])
    columns = {rename(name): column for name, column in submission["columns"].items()}
    submission["columns"] = {
        name: _column(columns[name], labels) for name in sorted(columns, key=_place)
    }
    targets = [rename(name) for name in task.data.target or task.submission.predicted]
    data = task.data.model_dump(mode="json") | {
        "target": targets, "id": submission["id"], "drop": [], "rename": {}, "labels": {},
        "strong": [rename(name) for name in task.data.strong],
    }  # fmt: skip
    grade = task.grade.model_dump(mode="json")
    grade["params"] = _translate(grade["params"], {**codes.columns, **labels})
    return {
        "tags": [],
        "title": "Prediction" if task.kind == "other" else task.kind.replace("-", " ").capitalize(),
        "data": data,
        "submission": submission,
        "grade": grade,
    }


def _column(column: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    """A text column of the submission with codes for its values; any other as it is."""
    if column["type"] != "str":
        return column
    values = sorted(labels.get(value, value) for value in column["values"] or ())
    sample = labels.get(column["sample"], column["sample"])
    return {**column, "values": values or None, "sample": sample}


def _translate(value: Any, codes: dict[str, str]) -> Any:
    """Metric parameters, with the names of columns and labels in them replaced."""
    if isinstance(value, str):
        return codes.get(value, value)
    if isinstance(value, list):
        return [_translate(item, codes) for item in value]
    if isinstance(value, dict):
        return {
            codes.get(key, key): item if key in NOT_NAMES else _translate(item, codes)
            for key, item in value.items()
        }
    return value

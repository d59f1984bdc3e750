"""Makes a dataset's files: the slow part of ``prepare``, run once for each."""

from __future__ import annotations

import shutil
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mle_gym.datasets.answers import (
    check_answers,
    empty_is_a_value,
    make_answers,
    sample_submission,
    with_usage,
)
from mle_gym.datasets.dataset import HIDDEN, DatasetOptions
from mle_gym.datasets.hidden_inputs import hide_inputs
from mle_gym.datasets.instance import Instance
from mle_gym.datasets.instance_files import lay_out, write_example_sample
from mle_gym.datasets.keys import generator
from mle_gym.datasets.manifest import describe, own_inputs
from mle_gym.datasets.obfuscation.codes import obfuscate
from mle_gym.datasets.obfuscation.plain_tables import anonymize
from mle_gym.datasets.sources.generated import run_generator
from mle_gym.datasets.sources.kaggle.adopt import fill
from mle_gym.datasets.sources.package_tables import further_tables
from mle_gym.datasets.sources.raw_table import load_raw
from mle_gym.datasets.splits import resplit, split_variant
from mle_gym.datasets.stored_split import StoredSplit, needs_stored_split
from mle_gym.datasets.tables import canonical, kind, meaning, read_csv, write_csv
from mle_gym.datasets.train_rows import shorten
from mle_gym.errors import DatasetError
from mle_gym.tasks.hooks import call_hook, load_hook, splits_again
from mle_gym.text import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.tasks.spec import TaskSpec

__all__ = ["build", "clean", "raw_table"]


def build(
    task: TaskSpec, options: DatasetOptions, folder: Path, given: Path | None = None
) -> dict[str, Any]:
    """Fill ``folder/public`` and ``folder/private``; returns the manifest.

    Args:
        task: The task as its folder describes it.
        options: Which dataset of it.
        folder: An empty folder.
        given: Where the raw data of a competition are, if the user says so.

    Raises:
        DatasetError: The data can't be had, or don't fit what the task says of them.
    """
    public, private = folder / "public", folder / "private"
    public.mkdir()
    private.mkdir(mode=0o700)
    raw = folder / "raw"
    raw.mkdir()
    source: dict[str, Any] = {}
    changes: dict[str, Any] = {}
    if task.data.loader == "kaggle":
        run = partial(_run_hook, task, options, public=public, private=private)
        source = {"source": fill(task, given, folder, run, canonical=options.variant == 0)}
    elif task.data.loader == "generate":
        changes = _from_generator(task, options, folder)
    else:
        _from_table(task, options, raw_table(task, options.variant), folder)
    shutil.rmtree(raw)
    task = task.with_fields(changes)
    inputs = own_inputs(folder)
    changes |= _finish(task, options, folder)
    identity = {"task": task.id, "variant": options.variant, "effective": changes}
    return identity | source | describe(public, private) | {"inputs": inputs}


def _finish(task: TaskSpec, options: DatasetOptions, folder: Path) -> dict[str, Any]:
    """What all datasets go through; returns what obfuscation changes in the task."""
    public, private, hidden = folder / "public", folder / "private", folder / HIDDEN
    (public / "description.md").write_text(f"{task.description}\n", encoding="utf-8")
    has_inputs = hidden.exists()  # of its own, for the programs that are handed in
    _complete(task, options, hidden if has_inputs else public, private)
    if has_inputs and task.submission.columns:
        write_example_sample(task, public)
    changes: dict[str, Any] = {}
    if options.obfuscate:
        kaggle = task.data.loader == "kaggle"
        about_files = anonymize(task, options.variant, public, private) if kaggle else ""
        changes = obfuscate(task, options.variant, folder, about_files)
    if has_inputs:
        shutil.copyfile(public / "description.md", hidden / "description.md")
    elif task.submission.code is not None and task.submission.columns:
        hide_inputs(task, folder)
    return changes


def _from_generator(task: TaskSpec, options: DatasetOptions, folder: Path) -> dict[str, Any]:
    """By whatever the generator makes; returns what it changes in the task."""
    made = run_generator(task, options)
    if isinstance(made, Instance):
        return lay_out(task, options, made, folder)
    if task.data.test_size is None and task.hook("prepare") is None:
        raise DatasetError(
            f"{_where(task)}: data.test_size: expected test rows to split off, since generate.py "
            "makes a table"
        )
    _from_table(task, options, clean(task, made), folder)
    return {}


def _from_table(
    task: TaskSpec, options: DatasetOptions, table: pd.DataFrame | None, folder: Path
) -> None:  # fmt: skip
    """By the declared split, by ``prepare.py``, or by both one after the other."""
    public, private = folder / "public", folder / "private"
    if table is not None and task.data.test_size is not None:
        table = _write_split(task, options, table, public, private)
    if task.hook("prepare"):
        _run_hook(task, options, _raw_folder(task, table, folder / "raw"), public, private)


def raw_table(task: TaskSpec, variant: int) -> pd.DataFrame | None:
    """The cleaned table of a task that is no competition.

    None for a folder of files, which only ``prepare.py`` understands, and for a generator that lays
    out its files itself.

    Raises:
        DatasetError: The data can't be had, or aren't those that the task speaks of.
    """
    if task.data.loader == "files" and (task.folder / task.data.ref).is_dir():
        return None
    if task.data.loader == "generate":
        made = run_generator(task, DatasetOptions(variant))
        return None if isinstance(made, Instance) else clean(task, made)
    raw = load_raw(task, variant)
    table = clean(task, raw)
    if needs_stored_split(task.data):
        StoredSplit.read(task).check(task, raw)
    return table


def clean(task: TaskSpec, table: pd.DataFrame) -> pd.DataFrame:
    """The raw table with ``drop``, ``rename`` and ``labels`` applied, and its target checked.

    Raises:
        DatasetError: A column that these fields name is missing, or a target value.
    """
    data = task.data
    _expect(task, "drop", data.drop, table)
    _expect(task, "rename", data.rename, table)
    table = table.drop(columns=list(data.drop)).rename(columns=data.rename)
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise DatasetError(f"{_where(task)}: data.rename: {twice[0]!r} is the name of two columns")
    _expect(task, "target", data.target or (), table)
    _expect(task, "strong", data.strong, table)
    for name in data.target or ():
        table = table.assign(**{name: _target(task, table[name])})
    return canonical(table)


def _target(task: TaskSpec, column: pd.Series[Any]) -> pd.Series[Any]:
    """A column to predict; an empty cell is missing unless it is a label, or an answer itself."""
    labels, name = task.data.labels, str(column.name)
    if "" in labels or empty_is_a_value(task, name):
        column = column.fillna("")
    missing = int(column.isna().sum())
    if missing:
        raise DatasetError(
            f"{_where(task)}: data.target: expected a value in every row of {name!r}, "
            f"found {missing} rows without"
        )
    return _relabel(task, column) if labels else column


def _where(task: TaskSpec) -> Path:
    return task.folder / "task.toml"


def _expect(task: TaskSpec, field: str, names: Any, table: pd.DataFrame) -> None:
    for name in names:
        if name not in table.columns:
            hint = did_you_mean(name, table.columns)
            known = hint or f"; the data have {', '.join(table.columns)}"
            raise DatasetError(f"{_where(task)}: data.{field}: no column {name!r}{known}")


def _relabel(task: TaskSpec, column: pd.Series[Any]) -> pd.Series[Any]:
    labels = task.data.labels
    unknown = sorted({str(value) for value in column} - labels.keys())
    if unknown and kind(meaning(column)) != kind(column):
        return _relabel(task, meaning(column))  # a label "1" is also meant by a cell of 1.0
    if unknown:
        raise DatasetError(
            f"{_where(task)}: data.labels: expected every value of the target, "
            f"missing {', '.join(map(repr, unknown))}"
        )
    return column.map(lambda value: labels[str(value)])


def _raw_folder(task: TaskSpec, table: pd.DataFrame | None, scratch: Path) -> Path:
    """What ``prepare.py`` gets as ``raw``: the task's own folder, or ``raw.csv`` and its kin."""
    if table is None:
        return task.folder / task.data.ref
    write_csv(table, scratch / "raw.csv")
    for name, file in further_tables(task).items():
        shutil.copyfile(file, scratch / name)
    return scratch


def _write_split(
    task: TaskSpec, options: DatasetOptions, table: pd.DataFrame, public: Path, private: Path
) -> pd.DataFrame:
    """Write train, test and answers; returns the rows this variant was made of."""
    data = task.data
    split = split_variant(table, task, options.variant)
    rows = _with_ids(task, table.iloc[split.rows])
    train = shorten(task, options, rows[~split.asked].reset_index(drop=True))
    test = rows[split.asked].reset_index(drop=True)
    write_csv(train, public / "train.csv")
    write_csv(test.drop(columns=list(data.target or ())), public / "test.csv")
    write_csv(make_answers(task, test), private / "answers.csv")
    return rows[table.columns].iloc[np.argsort(split.rows)]


def _with_ids(task: TaskSpec, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with their id as first column: numbers in their order, or the data's own ids.

    The data's own are dealt again, smallest first: in the order of a table that somebody knows, or
    by that of its labels, an id would reveal the label.
    """
    name = task.data.id
    rows = rows.reset_index(drop=True)
    if name not in rows.columns:
        rows.insert(0, name, range(1, len(rows) + 1))
        return rows
    if rows[name].isna().any() or rows[name].duplicated().any():
        raise DatasetError(f"{_where(task)}: data.id: {name!r} is not unique, or missing in a row")
    if not task.data.keep_ids:
        rows[name] = rows[name].sort_values(ignore_index=True)
    return rows[[name, *rows.columns.drop(name)]]


def _run_hook(
    task: TaskSpec, options: DatasetOptions, raw: Path, public: Path, private: Path
) -> None:
    path = task.folder / "prepare.py"
    rng = generator(task, options.variant, "prepare")
    hook = load_hook(path, "prepare")
    more = [resplit(task, options.variant)] if splits_again(hook) else []
    call_hook(path, hook, raw, public, private, rng, *more)


def _complete(task: TaskSpec, options: DatasetOptions, public: Path, private: Path) -> None:
    """Check the answers, mark which of them give feedback, and write the sample submission."""
    if not task.submission.columns:
        _check_files(task, public, private)
        return
    file = private / "answers.csv"
    if not file.is_file():
        where = task.folder / ("prepare.py" if task.hook("prepare") else "generate.py")
        raise DatasetError(f"{where}: expected it to write private/answers.csv")
    columns = task.submission.columns
    answers = read_csv(file, text=[name for name in columns if columns[name].type == "str"])
    check_answers(task, answers)
    wanted = task.data.test_rows
    if wanted is not None and len(answers) != wanted and options.variant == 0:
        warnings.warn(
            f"{task.id}: expected {wanted:,} rows to predict, found {len(answers):,}: these raw "
            "data are not those of the competition, and scores can't be compared",
            stacklevel=2,
        )
    answers = with_usage(task, answers, generator(task, options.variant, "usage"))
    write_csv(answers, file)
    sample = public / "sample_submission.csv"
    if not sample.exists():
        write_csv(sample_submission(task, answers), sample)


def _check_files(task: TaskSpec, public: Path, private: Path) -> None:
    """What a dataset needs whose answers only the task's own grader understands."""
    where = task.folder / ("prepare.py" if task.data.real else "generate.py")
    if not any(private.iterdir()):
        raise DatasetError(f"{where}: expected it to write answers to private, found nothing there")
    if task.submission.kind == "file" and not (public / "sample_submission.csv").is_file():
        raise DatasetError(f"{where}: expected it to write public/sample_submission.csv")

"""What the adversary of :mod:`mle_gym.authoring.attack` gets to see of a prepared dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mle_gym.authoring.attack import Part, Source, attack, classes
from mle_gym.datasets.answers import USAGE
from mle_gym.datasets.build import raw_table
from mle_gym.datasets.dataset import DatasetOptions
from mle_gym.datasets.prepare import has_variants, prepare
from mle_gym.datasets.splits import split_variant
from mle_gym.datasets.tables import meaning, read_csv
from mle_gym.tasks.catalog import load_task

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["VARIANTS", "computable"]

VARIANTS = (1, 2)
"""Beside the canonical one."""
WEAK = 0.1
"""The share of mistakes that ids and order may avoid in a competition: its split is as published,
and in many rows even a tiny connection is not chance."""
PLACE = "the place in the source table"


def computable(dataset: Dataset) -> tuple[str, str]:
    """What of the answers can be computed (empty if nothing), and what was tried.

    Of a task whose split is declared, three variants are attacked, with and without obfuscation.
    """
    task = load_task(dataset.task.folder)
    if task.data.ordered and not task.data.real:  # time is all that could be computed from
        return "", f"not looked for, since the task says: {task.data.ordered}"
    if task.data.loader == "kaggle":
        return attack(_parts(dataset, task), None, least=WEAK)
    numbers = VARIANTS if has_variants(task) else ()
    hidden = (False, True) if _can_be_obfuscated(dataset, task) else (False,)
    table, tried = raw_table(task, 0) if task.data.real else None, ""
    for variant in dict.fromkeys((dataset.options.variant, 0, *numbers)):
        for obfuscate in hidden:
            options = DatasetOptions(variant, obfuscate=obfuscate)
            source = table if task.data.real else raw_table(task, variant)
            leak, tried = _attack(prepare(task, options), task, source)
            if leak:
                return f"variant {variant}{', obfuscated' * obfuscate}: {leak}", tried
    return "", f"{tried} in each of {len(hidden) * (len(numbers) + 1)} datasets"


def _can_be_obfuscated(dataset: Dataset, task: TaskSpec) -> bool:
    """Whether ``obfuscate`` isn't refused: not with a grader or a layout that says names."""
    if task.hook("grade"):
        return False
    if task.data.real or task.data.test_size is not None:
        return True
    files = (path for path in dataset.inputs.rglob("*") if path.is_file())
    return all(path.suffix == ".csv" or path.name == "description.md" for path in files)


def _attack(dataset: Dataset, task: TaskSpec, table: pd.DataFrame | None) -> tuple[str, str]:
    """Attack one dataset with what its source table says."""
    variant, parts = dataset.options.variant, _parts(dataset, task)
    if table is None or not task.data.target:
        return attack(parts, None)
    if task.data.test_size is not None:
        split = split_variant(table, task, variant)
        ids = _ids(table.iloc[split.rows], task)
        place = dict(zip(ids, split.rows.tolist(), strict=True))
        for part in parts:
            if place.keys() >= set(part.ids):  # else prepare.py has ids of its own
                part.secrets[PLACE] = classes(_series([place[each] for each in part.ids]))
        table = table.iloc[sorted(split.rows)].reset_index(drop=True)
    elif variant != 0:
        return attack(parts, None)
    table = table.apply(meaning)
    labels = {name: classes(table[name]) for name in task.data.target}
    return attack(parts, Source(task, variant, table, labels))


def _ids(rows: pd.DataFrame, task: TaskSpec) -> list[str]:
    """The ids that rows in this order got."""
    name = task.data.id
    if name not in rows.columns:
        return [str(number) for number in range(1, len(rows) + 1)]
    ids = rows[name] if task.data.keep_ids else rows[name].sort_values()
    return [str(each) for each in ids]


def _parts(dataset: Dataset, task: TaskSpec) -> list[Part]:
    """Training rows where their target is declared, then the rows that are asked for."""
    spec, key = dataset.task, dataset.task.submission.id
    parts = []
    file = dataset.public / "train.csv"
    named = dict(zip(spec.data.target or (), task.data.target or (), strict=False))
    if file.is_file() and named:
        train = read_csv(file, text=[key])
        labelled = {name: truth for name, truth in named.items() if name in train.columns}
        if key in train.columns and labelled:
            parts.append(_part("train", train, key, labelled))
    answers = read_csv(dataset.private / "answers.csv", text=[key])
    answers, targets = _as_one_class(answers, spec)
    single = next(iter(task.data.target or ()), "the class")
    secrets = {name: named.get(name, single if len(targets) == 1 else name) for name in targets}
    if task.data.test_size is not None:
        secrets[USAGE] = "which rows are public"
    return [*parts, _part("test", answers, key, secrets)]


def _part(name: str, table: pd.DataFrame, key: str, secrets: dict[str, str]) -> Part:
    found = {name: classes(table[column]) for column, name in secrets.items()}
    return Part(name, [str(each) for each in table[key]], found)


def _as_one_class(
    answers: pd.DataFrame, task: TaskSpec
) -> tuple[pd.DataFrame, tuple[str, ...]]:  # fmt: skip
    """The answers and what is to be predicted; of one column a class the class itself."""
    predicted = task.submission.predicted
    if not predicted or set(predicted) != set(task.submission.sum_to_one):
        return answers, predicted
    named = answers[list(predicted)].idxmax(axis=1)
    return answers.assign(**{predicted[0]: named}), predicted[:1]


def _series(values: list[int]) -> pd.Series[int]:
    return pd.Series(values)

"""Checks of a prepared dataset: does it leak, is it reproducible, do its variants keep apart."""

from __future__ import annotations

import filecmp
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mle_gym.authoring.adversary import VARIANTS, computable
from mle_gym.datasets.answers import USAGE
from mle_gym.datasets.build import build, clean
from mle_gym.datasets.dataset import TRUTH, DatasetOptions
from mle_gym.datasets.keys import KEY_FILE
from mle_gym.datasets.prepare import has_variants, prepare
from mle_gym.datasets.sources.raw_table import load_raw
from mle_gym.datasets.splits import split_variant
from mle_gym.datasets.stored_split import SPLIT_FILE
from mle_gym.datasets.tables import kind, read_csv
from mle_gym.tasks.catalog import load_task

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.datasets.dataset import Dataset
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["CHECKS", "Check"]

STRONG = 0.9
"""Skill from which a column alone is suspicious: Titanic's lifeboats have 0.93, its sex 0.4."""
LARGEST_SEARCHED = 50 * 2**20
"""Bytes of an unknown public file that are searched for answers."""


class Check(NamedTuple):
    """One thing that a sound task does, and whether this one does it."""

    name: str
    passed: bool
    detail: str
    """What was found; a sentence for people."""


def no_column_gives_it_away(dataset: Dataset) -> Check:
    """No single column predicts the target almost alone, unless ``data.strong`` expects it."""
    name = "no column gives the target away"
    train = _train(dataset)
    targets = _labels(dataset, train)
    if train is None or not targets:
        return Check(name, True, "not applicable: there is no train.csv with a declared target")
    columns = [c for c in train.columns if c not in (*targets, dataset.task.submission.id)]
    found = {c: max(skill(train[c], train[target]) for target in targets) for c in columns}
    known = dataset.task.data.strong
    strong = [c for c in columns if found[c] >= STRONG and c not in known]
    weak = [c for c in known if found.get(c, 0.0) < STRONG]
    if strong:
        listed = ", ".join(f"{c!r} ({found[c]:.2f})" for c in strong)
        hint = "drop them, or list them in data.strong if they are meant to be there"
        return Check(name, False, f"skill of {STRONG} or more alone: {listed}; {hint}")
    if weak:
        return Check(name, False, f"data.strong: {weak} have a skill below {STRONG}; remove them")
    best = max(columns, key=found.__getitem__, default="")
    detail = f"the best single column is {best!r} with a skill of {found.get(best, 0.0):.2f}"
    return Check(name, True, f"{detail}; suspicious from {STRONG}")


def there_is_something_to_predict(dataset: Dataset) -> Check:
    """Neither the answers nor the training targets are one value that needs no look at a row."""
    name = "the target has more than one value"
    answers, train = read_csv(dataset.private / "answers.csv"), _train(dataset)
    tables = {"answers.csv": (answers, dataset.task.submission.predicted)}
    targets = _labels(dataset, train)
    if train is not None and targets:
        tables["train.csv"] = (train, tuple(targets))
    for file, (table, columns) in tables.items():
        found = table[list(columns)].nunique(dropna=False)
        if found.max() < 2:
            value = (table[found.index[0]].tolist() or ["nothing"])[0]
            return Check(name, False, f"{file}: {found.index[0]!r} is {value!r} in every row")
    return Check(name, True, f"looked at {' and '.join(tables)}")


def nobody_can_compute_it(dataset: Dataset) -> Check:
    """Who knows the code, the source table and the public files, but not the key, learns nothing.

    See :mod:`mle_gym.authoring.attack`.
    """
    name = "ids, order and known splits say nothing"
    told, tried = computable(dataset)
    return Check(name, not told, told or f"{tried}: all by chance")


def nothing_private_in_public(dataset: Dataset) -> Check:
    """No public file holds an answer, the task's key or split, nor a row that is hidden."""
    name = "nothing private is public"
    answers = read_csv(dataset.private / "answers.csv")
    paths = sorted(dataset.inputs.rglob("*"))
    problems = [_leak(path, dataset, answers) or _own_file(path, dataset) for path in paths]
    if dataset.inputs != dataset.public:
        tables = sorted(dataset.public.rglob("*.csv"))
        problems += [_shown_inputs(path, dataset, answers) for path in tables]
    found = [problem for problem in problems if problem]
    count = sum(path.is_file() for path in paths)
    return Check(name, not found, "; ".join(found) or f"searched {count} files")


def two_prepares_are_equal(dataset: Dataset) -> Check:
    """Preparing twice gives the same bytes."""
    name = "two prepares are byte-identical"
    with TemporaryDirectory() as folder:
        made = Path(folder)
        build(_original(dataset), dataset.options, made, _given(dataset))
        for part in {dataset.public, dataset.inputs, dataset.private}:
            difference = _difference(part, made / part.name)
            if difference:
                return Check(name, False, f"{part.name}/{difference} differs from one to the next")
    return Check(name, True, "compared every file")


def variants_differ(dataset: Dataset) -> Check:
    """Variants are different datasets."""
    name = "variants differ"
    task = _original(dataset)
    if not has_variants(task):
        return Check(name, True, "not applicable: prepare.py splits real data, so only variant 0")
    if dataset.manifest.get("source", {}).get("kind") == "prepared":
        return Check(name, True, "not applicable: variants take raw data, these were prepared")
    seen: dict[str, int] = {}
    for variant in (0, *VARIANTS):
        options = replace(dataset.options, variant=variant)
        content = _test_rows(prepare(task, options, source=_given(dataset)))
        if content in seen:
            return Check(name, False, f"variants {seen[content]} and {variant} are equal")
        seen[content] = variant
    return Check(name, True, f"compared variants 0, {', '.join(map(str, VARIANTS))}")


def variants_do_not_leak(dataset: Dataset) -> Check:
    """Variants of real data are made of canonical training rows alone."""
    name = "variants show no canonical test row"
    task = _original(dataset)
    if not task.data.real or task.data.test_size is None:
        return Check(name, True, "not applicable: generated, or only what resplit() gave")
    table = clean(task, load_raw(task))
    train = set(split_variant(table, task, 0).train.tolist())
    canonical = _features(prepare(task, DatasetOptions()), ("train.csv",))
    for variant in VARIANTS:
        foreign_rows = set(split_variant(table, task, variant).rows.tolist()) - train
        if not foreign_rows and task.hook("prepare") is None:
            rows = _features(prepare(task, DatasetOptions(variant)), ("train.csv", "test.csv"))
            foreign_rows = set(rows - canonical)
        if foreign_rows:
            return Check(name, False, f"variant {variant} has {len(foreign_rows)} rows of the test")
    return Check(name, True, f"all rows of variants {VARIANTS} are canonical training rows")


CHECKS: tuple[Callable[[Dataset], Check], ...] = (
    there_is_something_to_predict,
    no_column_gives_it_away,
    nobody_can_compute_it,
    nothing_private_in_public,
    two_prepares_are_equal,
    variants_differ,
    variants_do_not_leak,
)
"""Every check of a dataset, in the order of the report."""


def skill(column: pd.Series[Any], target: pd.Series[Any]) -> float:
    """How well one column alone predicts the target: 1 perfectly, 0 no better than a constant.

    A decision tree of depth 6 on that column, cross-validated: R² for numbers; for labels, the
    share of a constant guess's mistakes that it avoids.
    """
    values, truth = _as_numbers(column), target.reset_index(drop=True)
    if len(truth) < 10 or truth.nunique() < 2:
        return 0.0
    labels = kind(truth) != "number" and truth.nunique() <= max(20, len(truth) ** 0.5)
    kinds: Any = (
        DecisionTreeClassifier if labels or kind(truth) == "text" else DecisionTreeRegressor
    )
    tree = kinds(max_depth=6, min_samples_leaf=3, random_state=0)
    wanted = truth.map(str).to_numpy() if kinds is DecisionTreeClassifier else truth.to_numpy()
    guess = cross_val_predict(tree, values, wanted, cv=KFold(5, shuffle=True, random_state=0))
    if kinds is DecisionTreeRegressor:
        return 1 - float(((guess - wanted) ** 2).mean() / wanted.var())
    mistakes = 1 - Counter(wanted).most_common(1)[0][1] / len(wanted)
    return 1 - float((guess != wanted).mean()) / mistakes


def _as_numbers(column: pd.Series[Any]) -> NDArray[Any]:
    """One feature, (rows, 1): numbers as they are, texts by frequency, missing below all."""
    if kind(column) == "text":
        ranks = {text: at for at, (text, _) in enumerate(Counter(column.dropna()).most_common())}
        numbers = column.map(ranks).fillna(-1).to_numpy(dtype=float)
    else:
        numbers = column.to_numpy(dtype=float)
        known = numbers[np.isfinite(numbers)]
        numbers = np.nan_to_num(numbers, nan=(known.min() if len(known) else 0.0) - 1)
    return numbers.reshape(-1, 1)


def _train(dataset: Dataset) -> pd.DataFrame | None:
    file = dataset.public / "train.csv"
    return read_csv(file) if file.is_file() else None


def _labels(dataset: Dataset, train: pd.DataFrame | None) -> tuple[str, ...]:
    """The targets that the training rows show; none where they are unlabelled."""
    targets = dataset.task.data.target or ()
    return () if train is None else tuple(name for name in targets if name in train.columns)


def _content(dataset: Dataset) -> str:
    """A digest of all files, of a dataset whose answers only its own grader can read."""
    digest = hashlib.sha256()
    for folder in (dataset.public, *dataset.input_sets, dataset.private):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if path.name != TRUTH:
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _test_rows(dataset: Dataset) -> str:
    """What is asked and what is answered, but not which of it is public."""
    if not (dataset.private / "answers.csv").is_file():
        return _content(dataset)
    answers = read_csv(dataset.private / "answers.csv").drop(columns=USAGE)
    test = dataset.inputs / "test.csv"
    asked = [read_csv(test)] if test.is_file() else []
    drawn = [dataset.task.submission.id] if dataset.task.data.test_size is not None else []
    return "".join(
        table.drop(columns=drawn, errors="ignore").to_csv(index=False)
        for table in [answers, *asked]
    )


def _original(dataset: Dataset) -> TaskSpec:
    return load_task(dataset.task.folder)


def _given(dataset: Dataset) -> Path | None:
    """Where a competition's data came from."""
    source = dataset.manifest.get("source")
    return Path(source["path"]) if source else None


def _leak(path: Path, dataset: Dataset, answers: pd.DataFrame) -> str:
    """What of the answers is in a public file; empty if nothing."""
    name = path.relative_to(dataset.inputs).as_posix()
    if path.is_dir() or name == "sample_submission.csv" or path.stat().st_size > LARGEST_SEARCHED:
        return ""
    if path.suffix == ".csv":
        return _leaking_column(name, read_csv(path), answers, dataset)
    content = path.read_bytes()
    shown = sum(
        ",".join(map(str, row)).encode() in content
        for row in answers.drop(columns=USAGE).itertuples(index=False, name=None)
    )
    return f"{name} holds {shown} of {len(answers)} answers" if shown > len(answers) / 2 else ""


def _own_file(path: Path, dataset: Dataset) -> str:
    """What of the task's own secrets is in a public file; empty if nothing."""
    if path.is_dir() or path.stat().st_size > LARGEST_SEARCHED:
        return ""
    content = path.read_bytes()
    for name in (KEY_FILE, SPLIT_FILE):
        own = dataset.task.folder / name
        if own.is_file() and own.read_bytes().strip() in content:
            return f"{path.relative_to(dataset.inputs)} holds the task's {name}"
    return ""


def _shown_inputs(path: Path, dataset: Dataset, answers: pd.DataFrame) -> str:
    """Rows to predict in a table that agents see, though only programs may; by their ids."""
    table, submission = read_csv(path), dataset.task.submission
    key = submission.id
    if key not in table.columns or submission.columns.keys() >= set(table.columns):
        return ""  # a form to fill in, or one that is filled in for the examples
    shown = int(table[key].isin(answers[key]).sum())
    return f"{path.name} shows {shown} of the hidden rows" if shown else ""


def _leaking_column(
    name: str, table: pd.DataFrame, answers: pd.DataFrame, dataset: Dataset
) -> str:  # fmt: skip
    """A column that holds the answers of test rows, found by id, whatever it is called."""
    task = dataset.task
    key = task.submission.id
    if USAGE in table.columns:
        return f"{name} says which rows are public"
    if key not in table.columns:
        return ""
    both = answers.merge(table, on=key, suffixes=("", " (public)"))
    if both.empty:
        return ""
    if name == "train.csv":
        rows = _shared_rows(table, dataset.public / "test.csv", len(both))
        return f"train.csv has {rows} rows of the test" if rows else ""
    if name == "test.csv":
        shown = {*task.submission.predicted, *(task.data.target or ())} & set(table.columns)
        if shown:
            return f"{name} has the column {sorted(shown)[0]!r}"
    for target in task.submission.predicted:
        truth = both[target].map(str)
        for column in both.columns.difference([*answers.columns]):
            if truth.nunique() > 1 and truth.equals(both[column].map(str)):
                return f"{name}: {column!r} holds the answers' {target!r}"
    return ""


def _shared_rows(train: pd.DataFrame, test: Path, same_ids: int) -> int:
    """Training rows that are test rows; ids alone don't say so where both count from 1."""
    if not test.is_file():
        return same_ids
    asked = read_csv(test)
    common = [column for column in asked.columns if column in train.columns]
    return len(train.merge(asked, on=common)) if len(common) > 1 else same_ids


def _difference(first: Path, second: Path) -> str:
    """The first file that isn't the same in both folders; empty if there is none."""
    names = {str(p.relative_to(root)) for root in (first, second) for p in root.rglob("*")}
    for name in sorted(names):
        a, b = first / name, second / name
        if a.is_dir() and b.is_dir():
            continue
        if not (a.is_file() and b.is_file() and filecmp.cmp(a, b, shallow=False)):
            return name
    return ""


def _features(dataset: Dataset, files: tuple[str, ...]) -> Counter[tuple[str, ...]]:
    """Rows without id and target, each with how often it occurs."""
    hidden = {dataset.task.submission.id, *(dataset.task.data.target or ())}
    rows: Counter[tuple[str, ...]] = Counter()
    for file in files:
        table = read_csv(dataset.inputs / file)
        table = table[[name for name in table.columns if name not in hidden]]
        numbers = table.select_dtypes("number").astype(float)  # 3 in one file is 3.0 in another
        rows.update(table.assign(**numbers).astype(str).itertuples(index=False, name=None))
    return rows

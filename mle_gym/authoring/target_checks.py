"""Is there something to predict, and does it take more than one column to predict it?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mle_gym.authoring.check import Check
from mle_gym.datasets.tables import kind, read_csv

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.datasets.dataset import Dataset

__all__ = ["no_column_gives_it_away", "skill", "there_is_something_to_predict"]

STRONG = 0.9
"""Skill from which a column alone is suspicious: Titanic's lifeboats have 0.93, its sex 0.4."""


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

"""An agent for the picture of a report: it improves a program step by step, as engineers do."""

from __future__ import annotations

from typing import Any

EDITOR = "str_replace_based_edit_tool"

PROGRAM = '''\
"""Predicts the column that the test rows lack."""

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

train, test = pd.read_csv("data/train.csv"), pd.read_csv("data/test.csv")
sample = pd.read_csv("data/sample_submission.csv")
key, *wanted = sample.columns
(target,) = set(train.columns) - set(test.columns)
features = [name for name in test.columns if name != key]
x, y = train[features], train[target]

numbers = SimpleImputer(strategy="median")
words = make_pipeline(
    SimpleImputer(strategy="most_frequent"),
    OneHotEncoder(handle_unknown="ignore", max_categories=20),
)
columns = make_column_transformer(
    (numbers, make_column_selector(dtype_include="number")),
    (words, make_column_selector(dtype_include=["object", "string"])),
)
model = make_pipeline(columns, LogisticRegression(max_iter=2000))

scores = cross_val_score(model, x, y, cv=5)
print(f"cross-validated accuracy: {scores.mean():.3f} ± {scores.std():.3f}")
model.fit(x, y)
out = test[[key]].copy()
if sample[wanted[0]].dtype.kind == "f":  # probabilities are asked for
    out[wanted] = model.predict_proba(test[features])[:, -len(wanted):]
else:
    out[target] = model.predict(test[features])
out.to_csv("submission.csv", index=False)
'''

OLD_MODEL = "LogisticRegression(max_iter=2000)"
IMPORT = "from sklearn.linear_model import LogisticRegression"


class ImprovingAgent:
    """Writes a program, measures it, changes the model, mends its mistake, and submits."""

    name = "improver"

    def __init__(self, seed: int = 0) -> None:
        forest = (
            f"RandomForestClassifier(n_estimators=200, min_samples_leaf=3, random_state={seed})"
        )
        run = {"tool": "bash", "command": "python train.py  # prints the accuracy"}
        self._plan: list[Any] = [
            "ls -lh data\nhead -n 4 data/train.csv | cut -c 1-120",
            {"tool": EDITOR, "command": "create", "path": "train.py", "file_text": PROGRAM},
            run,
            {"tool": "score"},
            _replace(OLD_MODEL, forest),
            run,  # fails, since the import is missing
            _replace(IMPORT, "from sklearn.ensemble import RandomForestClassifier"),
            run,
            {"tool": "score"},
            {"tool": "submit"},
        ]
        self._left = iter(())

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Begin the plan."""
        self._left = iter(self._plan)

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """The next action of the plan."""
        return next(self._left, {"tool": "submit"})


def _replace(old: str, new: str) -> dict[str, str]:
    return {
        "tool": EDITOR,
        "command": "str_replace",
        "path": "train.py",
        "old_str": old,
        "new_str": new,
    }

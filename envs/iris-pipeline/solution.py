"""Writes a pipeline that knows each station's units and ways to say that nothing was measured."""

from pathlib import Path

PROGRAM = """\
import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MEASURED = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def load(part):
    table = pd.read_csv(f"data/{part}.csv", na_values=["n/a", "-99"])
    table[MEASURED] = table[MEASURED].astype(float)
    table.loc[table["station"] == "south", MEASURED] /= 10
    return table


train, test = load("train"), load("test")
models = [
    LogisticRegression(C=10, max_iter=5000),
    LinearDiscriminantAnalysis(),
    ExtraTreesClassifier(500, min_samples_leaf=3, random_state=0),
]
probabilities = 0
for model in models:
    pipeline = make_pipeline(IterativeImputer(random_state=0, max_iter=30), StandardScaler(), model)
    pipeline.fit(train[MEASURED], train["species"])
    probabilities = probabilities + pipeline.predict_proba(test[MEASURED]) / len(models)
predictions = pd.DataFrame(np.clip(probabilities, 0, 1), columns=pipeline.classes_)
predictions.insert(0, "id", test["id"])
predictions.to_csv("submission.csv", index=False)
"""

Path("pipeline.py").write_text(PROGRAM, encoding="utf-8")

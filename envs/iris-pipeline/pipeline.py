"""Predicts the species of irises. It used to work, when there was one station."""

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

ROWS = 20
SPECIES = ["versicolor", "setosa", "virginica"]

train = pd.read_csv("data/train.csv")
test = pd.read_csv("data/test.csv")
if len(test) != ROWS:
    raise SystemExit(f"expected {ROWS} rows to predict, found {len(test)}")

measured = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
train[measured] = train[measured].apply(pd.to_numeric, errors="coerce").fillna(0)
test[measured] = test[measured].apply(pd.to_numeric, errors="coerce").fillna(0)

model = LogisticRegression().fit(StandardScaler().fit_transform(train[measured]), train["species"])
probabilities = model.predict_proba(StandardScaler().fit_transform(test[measured]))

predictions = pd.DataFrame(probabilities, columns=SPECIES)
predictions.insert(0, "id", test["id"])
predictions.to_csv("submission.csv", index=False)

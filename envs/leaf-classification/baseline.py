"""Logistic regression on the 192 numbers."""

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

train = pd.read_csv("data/train.csv")
test = pd.read_csv("data/test.csv")
sample = pd.read_csv("data/sample_submission.csv")
columns = [name for name in test.columns if name != "id"]
model = make_pipeline(StandardScaler(), LogisticRegression(C=10, max_iter=500))
model.fit(train[columns], train["species"])
chances = pd.DataFrame(model.predict_proba(test[columns]), columns=model.classes_)
submission = chances.reindex(columns=sample.columns[1:], fill_value=0.0)
submission.insert(0, "id", test["id"])
submission.to_csv("submission.csv", index=False)

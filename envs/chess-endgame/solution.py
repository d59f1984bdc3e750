"""Boosted decision trees, which find the combinations of attributes that decide a position."""

import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

train = pd.read_csv("data/train.csv")
test = pd.read_csv("data/test.csv")
columns = [name for name in test.columns if name != "id"]
model = make_pipeline(
    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    GradientBoostingClassifier(n_estimators=300, learning_rate=0.1, max_depth=3, random_state=0),
)
model.fit(train[columns], train["result"])
submission = test[["id"]].assign(result=model.predict(test[columns]))
submission.to_csv("submission.csv", index=False)

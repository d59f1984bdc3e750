"""Leaves the origin out, believes the records, and admits the same share of both origins."""

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SHARE = 0.12

history, test = pd.read_csv("data/history.csv"), pd.read_csv("data/test.csv")
fields = ["interview", "months_without_work", "school_years", "age"]
both = pd.concat([history, test], ignore_index=True)
places = [pd.get_dummies(both[name].astype(str), prefix=name) for name in ("office", "trade")]
x = both[fields].join(places)
model = make_pipeline(StandardScaler(), LogisticRegression())
model.fit(x[: len(history)], history["completed"])
test["chance"] = model.predict_proba(x[len(history) :])[:, 1]
rank = test.groupby("origin")["chance"].rank(pct=True)
test["admit"] = (rank > 1 - SHARE).astype(int)
test[["applicant", "admit"]].to_csv("submission.csv", index=False)

"""A classifier on the columns as they are; it reviews the riskiest payments, whatever they cost."""

import pandas as pd
from sklearn.ensemble import RandomForestClassifier

train, test = pd.read_csv("data/train.csv"), pd.read_csv("data/test.csv")
numbers = [name for name in test.select_dtypes("number") if name != "id"]
model = RandomForestClassifier(60, min_samples_leaf=5, random_state=0)
risk = model.fit(train[numbers], train["fraud"]).predict_proba(test[numbers])[:, 1]
review = (pd.Series(risk).rank(ascending=False) <= 0.01 * len(test)).astype(int)
test[["id"]].assign(review=review.to_numpy()).to_csv("submission.csv", index=False)

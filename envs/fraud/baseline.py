"""A classifier on the columns as they are; it reviews the payments with the most at stake."""

import pandas as pd
from sklearn.ensemble import RandomForestClassifier

train, test = pd.read_csv("data/train.csv"), pd.read_csv("data/test.csv")
numbers = [name for name in test.select_dtypes("number") if name != "id"]
model = RandomForestClassifier(60, min_samples_leaf=5, random_state=0)
risk = model.fit(train[numbers], train["fraud"]).predict_proba(test[numbers])[:, 1]
stake = risk * test["amount"].where(test["unit"] == "EUR", test["amount"] / 100)
review = (stake.rank(ascending=False) <= 0.03 * len(test)).astype(int)
test[["id"]].assign(review=review.to_numpy()).to_csv("submission.csv", index=False)

"""Linear regression on age, sex and body mass index."""

import pandas as pd
from sklearn.linear_model import LinearRegression

columns = ["age", "sex", "bmi"]
train = pd.read_csv("data/train.csv")
test = pd.read_csv("data/test.csv")
model = LinearRegression().fit(train[columns], train["progression"])
submission = test[["id"]].assign(progression=model.predict(test[columns]))
submission.to_csv("submission.csv", index=False)

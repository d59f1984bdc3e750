"""Logistic regression on class, sex and age."""

import pandas as pd
from sklearn.linear_model import LogisticRegression

train = pd.read_csv("data/train.csv")
test = pd.read_csv("data/test.csv")


def features(passengers):
    return pd.DataFrame(
        {
            "pclass": passengers["pclass"],
            "female": passengers["sex"] == "female",
            "age": passengers["age"].fillna(train["age"].median()),
        }
    )


model = LogisticRegression(max_iter=1000).fit(features(train), train["survived"])
submission = test[["PassengerId"]].assign(survived=model.predict(features(test)))
submission.to_csv("submission.csv", index=False)

"""Logistic regression on the words of the comment."""

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

train = pd.read_csv("data/train.csv", keep_default_na=False)
test = pd.read_csv("data/test.csv", keep_default_na=False)
model = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=3))
model.fit(train["Comment"], train["Insult"])
chances = model.predict_proba(test["Comment"])[:, 1]
submission = test[["Comment"]].assign(Insult=chances).drop_duplicates("Comment")
submission.to_csv("submission.csv", index=False)

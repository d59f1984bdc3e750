"""Naive Bayes on all words."""

import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

train, test = pd.read_csv("data/train.csv"), pd.read_csv("data/test.csv")
model = make_pipeline(CountVectorizer(token_pattern=r"\w+"), MultinomialNB()).fit(
    train["text"], train["queue"]
)
test[["id"]].assign(queue=model.predict(test["text"])).to_csv("submission.csv", index=False)

"""Naive Bayes on words and pairs of words."""

import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

train = pd.read_csv("data/train.csv")
test = pd.read_csv("data/test.csv")
model = make_pipeline(CountVectorizer(ngram_range=(1, 2)), MultinomialNB(alpha=0.3))
model.fit(train["text"], train["author"])
submission = pd.DataFrame(model.predict_proba(test["text"]), columns=model.classes_)
submission.insert(0, "id", test["id"])
submission.to_csv("submission.csv", index=False)

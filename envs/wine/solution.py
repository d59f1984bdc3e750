"""Logistic regression and regularised discriminant analysis of all measurements, averaged."""

import pandas as pd
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

train = pd.read_csv("data/train.csv")
test = pd.read_csv("data/test.csv")
columns = [name for name in test.columns if name != "id"]
models = [
    QuadraticDiscriminantAnalysis(reg_param=0.3),
    LogisticRegression(C=10, max_iter=5000),
]
probabilities = 0
for model in models:
    model = make_pipeline(StandardScaler(), model).fit(train[columns], train["cultivar"])
    probabilities = probabilities + model.predict_proba(test[columns]) / len(models)
submission = pd.DataFrame(probabilities, columns=model.classes_)
submission.insert(0, "id", test["id"])
submission.to_csv("submission.csv", index=False)

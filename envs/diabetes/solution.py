"""Ridge regression, support vector regression and small boosted trees, averaged."""

import pandas as pd
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

train = pd.read_csv("data/train.csv")
test = pd.read_csv("data/test.csv")
columns = [name for name in test.columns if name != "id"]
models = [
    Ridge(alpha=20),
    SVR(C=30, gamma=0.02),
    GradientBoostingRegressor(max_depth=2, learning_rate=0.04, subsample=0.5, random_state=0),
]
prediction = 0
for model in models:
    model = make_pipeline(StandardScaler(), model).fit(train[columns], train["progression"])
    prediction = prediction + model.predict(test[columns]) / len(models)
submission = test[["id"]].assign(progression=prediction)
submission.to_csv("submission.csv", index=False)

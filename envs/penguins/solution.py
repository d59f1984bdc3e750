"""Logistic regression on all measurements, with island and sex as categories."""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

measurements = ["culmen_length_mm", "culmen_depth_mm", "flipper_length_mm", "body_mass_g"]
categories = ["island", "sex"]
train = pd.read_csv("data/train.csv")
test = pd.read_csv("data/test.csv")
encode = make_column_transformer(
    (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), measurements),
    (OneHotEncoder(handle_unknown="ignore"), categories),
)
model = make_pipeline(encode, LogisticRegression(C=10, max_iter=5000))
model.fit(train[measurements + categories], train["species"])
submission = test[["id"]].assign(species=model.predict(test[measurements + categories]))
submission.to_csv("submission.csv", index=False)

"""Logistic regression on the mean and the spread of the colours."""

import io
import zipfile

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def features(archive, names):
    with zipfile.ZipFile(archive) as pictures:
        found = [np.asarray(Image.open(io.BytesIO(pictures.read(name)))) for name in names]
    return np.array([np.r_[x.mean(axis=(0, 1)), x.std(axis=(0, 1))] for x in found])


train = pd.read_csv("data/train.csv")
test = pd.read_csv("data/sample_submission.csv")
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
model.fit(features("data/train.zip", train["id"]), train["has_cactus"])
chances = model.predict_proba(features("data/test.zip", test["id"]))[:, 1]
test.assign(has_cactus=chances).to_csv("submission.csv", index=False)

"""A random forest a label, on small thumbnails."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.ensemble import RandomForestClassifier


def features(folder, ids):
    paths = [Path("data") / folder / f"{one}.jpg" for one in ids]
    pictures = (Image.open(path).convert("L").resize((16, 16)) for path in paths)
    return np.array([np.asarray(picture).ravel() for picture in pictures])


train = pd.read_csv("data/train.csv").head(5000)
submission = pd.read_csv("data/sample_submission.csv")
labels = list(submission.columns[1:])
known, asked = (
    features(folder, table["StudyInstanceUID"])
    for folder, table in (("train", train), ("test", submission))
)
submission[labels] = 0.5
for label in labels:
    if train[label].nunique() > 1:
        model = RandomForestClassifier(n_estimators=50, min_samples_leaf=3, random_state=0)
        submission[label] = model.fit(known, train[label]).predict_proba(asked)[:, 1]
submission.to_csv("submission.csv", index=False)

"""A random forest on small thumbnails."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.ensemble import RandomForestClassifier


def features(paths):
    pictures = (Image.open(path).convert("RGB").resize((12, 12)) for path in paths)
    return np.array([np.asarray(picture).ravel() for picture in pictures])


known = sorted(Path("data/train").iterdir())
test = pd.read_csv("data/sample_submission.csv")
model = RandomForestClassifier(n_estimators=100, min_samples_leaf=3, random_state=0)
model.fit(features(known), ["dog" in path.name for path in known])
chances = model.predict_proba(features(test["id"].map("data/test/{}.jpg".format)))[:, 1]
test.assign(label=chances.clip(0.02, 0.98)).to_csv("submission.csv", index=False)

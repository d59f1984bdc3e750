"""A random forest on small thumbnails, mixed with how frequent the breeds are."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.ensemble import RandomForestClassifier


def features(folder, ids):
    paths = [Path("data") / folder / f"{one}.jpg" for one in ids]
    pictures = (Image.open(path).convert("RGB").resize((8, 8)) for path in paths)
    return np.array([np.asarray(picture).ravel() for picture in pictures])


train = pd.read_csv("data/labels.csv")
sample = pd.read_csv("data/sample_submission.csv")
model = RandomForestClassifier(n_estimators=100, min_samples_leaf=5, random_state=0)
model.fit(features("train", train["id"]), train["breed"])
forest = pd.DataFrame(model.predict_proba(features("test", sample["id"])), columns=model.classes_)
breeds = list(sample.columns[1:])
frequent = train["breed"].value_counts(normalize=True).reindex(breeds, fill_value=0.0)
mixed = 0.5 * forest.reindex(columns=breeds, fill_value=0.0) + 0.5 * frequent
pd.concat([sample[["id"]], mixed], axis=1).to_csv("submission.csv", index=False)

"""How far the sensor that is furthest from its mean lies from it."""

import pandas as pd

train, test = pd.read_csv("data/train.csv"), pd.read_csv("data/test.csv")
names = ["flow", "current", "pressure", "vibration", "oil_temp"]
train = train.replace(-999, float("nan"))
far = ((test[names] - train[names].mean()) / train[names].std()).abs().max(axis=1).fillna(0)
test[["reading"]].assign(fault=far.rank(pct=True)).to_csv("submission.csv", index=False)

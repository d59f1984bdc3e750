"""The mean of each product's sales so far."""

import pandas as pd

train, test = pd.read_csv("data/train.csv"), pd.read_csv("data/test.csv")
mean = train.groupby("product")["sales"].mean()
test[["id"]].assign(sales=test["product"].map(mean)).to_csv("submission.csv", index=False)

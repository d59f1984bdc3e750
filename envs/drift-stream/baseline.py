"""One cautious logistic regression on all scans of the history; it learns nothing later."""

from pathlib import Path

Path("follow.py").write_text("""
import csv
import sys

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.pipeline import make_pipeline

history = pd.read_csv("data/history.csv").dropna(subset="scan")
traits = ["planned_hour", "spending_index", "parcel_kg"]
traits += ["order_eur", "window_min", "address_score"]
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.0003))
model.fit(history[traits].to_numpy(), history["scan"])
lines = []
for line in sys.stdin:
    if line.strip():
        lines.append(line)
        continue
    new = [row for row in csv.DictReader(lines) if row["state"] == "new"]
    risks = model.predict_proba([[float(row[name]) for name in traits] for row in new])[:, 1]
    for row, risk in zip(new, risks):
        print(row["id"], risk, sep=",")
    print(flush=True)
    lines = []
""")

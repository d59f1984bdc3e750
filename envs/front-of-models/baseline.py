"""Adds up the answers to the questions that go with the disorder most, and never asks few."""

from pathlib import Path

Path("cards").mkdir(exist_ok=True)
Path("cards/fit.py").write_text("""import csv
import json

import numpy as np

with open("data/study.csv", newline="") as file:
    people = list(csv.DictReader(file))
items = [name for name in people[0] if name[0].isupper()]
answers = np.array([[int(row[name]) for name in items] for row in people])
ill = np.array([int(row["disorder"]) for row in people])
related = np.corrcoef(answers.T, ill)[-1, :-1]
with open("data/trade_off.json") as file:
    count = round(12 - 9 * json.load(file)["brevity"])
best = np.argsort(-np.abs(related))[:count]
card = {items[at]: (np.sign(related[at]) * np.arange(9)).tolist() for at in best}
with open("card.json", "w") as file:
    json.dump(card, file)
""")

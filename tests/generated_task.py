"""The code of a small generated task whose files are laid out by its generator."""

from __future__ import annotations

from typing import Any

GENERATED: dict[str, Any] = {
    "data": {"loader": "generate", "ref": None, "test_size": None, "stratify": None}
}

PLAIN = """
import numpy as np
import pandas as pd
from mle_gym.datasets.toolkit import Instance

ROWS = {"micro": 20, "small": 100, "full": 500}

def made(rng, size="small", difficulty=0.5):
    def table(first, rows):
        x = rng.normal(size=rows).round(3)
        names = rng.choice(["ann", "bob"], rows)
        ripe = (x + difficulty * rng.normal(size=rows) > 0).astype(int)
        return pd.DataFrame({"id": range(first, first + rows), "x": x, "who": names, "ripe": ripe})
    return table(1, ROWS[size]), table(10_001, 40)
"""

TABLES = (
    PLAIN
    + """
def generate(rng, variant, size, difficulty):
    train, test = made(rng, size, difficulty)
    return Instance(
        public={
            "train.csv": train,
            "test.csv": test.drop(columns="ripe"),
            "more/people.csv": pd.DataFrame({"who": ["ann", "bob"], "age": [30, 40]}),
        },
        answers=test[["ripe", "id"]],
        private={"weights.bin": b"\\x00\\x01", "notes/why.txt": "because"},
        floor=0.55, reference=0.9, ceiling=0.95,
        thresholds={"gold": 0.9, "silver": 0.8, "bronze": 0.7, "median": 0.6},
        truth={"noise": np.float64(difficulty), "at": np.arange(2)},
    )
"""
)

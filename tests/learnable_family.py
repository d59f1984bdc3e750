"""A small family in which there is something to find out: which formula is the right one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.task_folders import MakeTask

LEARNABLE: dict[str, Any] = {
    "id": "springs",
    "kind": "tabular-regression",
    "data": {"loader": "generate", "ref": None, "test_size": None, "stratify": None, "target": "y"},
    "submission": {"columns": {"id": "int", "ripe": None, "y": "float"}},
    "grade": {"metric": "mae", "worst": 5.0, "best": 0.0},
}

GENERATE = """
import numpy as np
import pandas as pd
from mle_gym.datasets.toolkit import Instance

STRUCTURES = {"shape": ("line", "square"), "sign": ("plain", "folded")}
ROWS = {"micro": 100, "small": 300, "full": 1000}

def generate(rng, size, difficulty, structure):
    rows = ROWS[size] + 400
    x = rng.normal(size=rows)
    z = np.abs(x) if structure["sign"] == "folded" else x
    z = z**2 * np.sign(z) if structure["shape"] == "square" else z
    y = 2 * z + (0.05 + difficulty) * rng.normal(size=rows)
    table = pd.DataFrame({"id": rng.permutation(rows) + 1, "x": x.round(4), "y": y.round(4)})
    train, test, signal = table.head(ROWS[size]), table.tail(400), 2 * z[-400:]
    return Instance(
        public={"train.csv": train, "test.csv": test.drop(columns="y"), "lab.py": LAB},
        answers=test[["id", "y"]],
        floor=float(np.abs(test["y"] - train["y"].median()).mean()),
        ceiling=float(np.abs(test["y"] - signal).mean()),
    )

LAB = '''@LAB@'''
"""

LAB = """
import csv, sys
rows = [list(csv.DictReader(open(f"data/{name}.csv"))) for name in ("train", "test")]
def fit(shape, sign, origin=""):
    def term(x):
        z = abs(x) if sign == "folded" else x
        return z * abs(z) if shape == "square" else z
    known = [(term(float(r["x"])), float(r["y"])) for r in rows[0]]
    mx, my = (0 if origin else sum(c) / len(known) for c in zip(*known))
    over = sum((x - mx) ** 2 for x, _ in known)
    slope = sum((x - mx) * (y - my) for x, y in known) / over
    def at(x):
        return my + slope * (term(x) - mx)
    return at, sum(abs(at(float(r["x"])) - float(r["y"])) for r in rows[0]) / len(known)
def write(at):
    with open("submission.csv", "w") as file:
        file.write("id,y\\n")
        for r in rows[1]:
            file.write(f"{r['id']},{at(float(r['x']))}\\n")
if __name__ == "__main__":
    at, error = fit(*sys.argv[1:])
    write(at)
    print(f"validation: {error}")
"""

BASELINE = """
import sys
sys.path.insert(0, "data")
import lab
known = [(float(r["x"]), float(r["y"])) for r in lab.rows[0]]
lab.write(lambda x: min(known, key=lambda each: abs(each[0] - x))[1])
"""

SOLUTION = """
import sys
sys.path.insert(0, "data")
import lab
fits = [lab.fit(a, b) for a in ("line", "square") for b in ("plain", "folded")]
lab.write(min(fits, key=lambda fit: fit[1])[0])
"""

PROGRAMS = "".join(
    f"""
[[program]]
name = "{shape}-{sign}{"-origin" * bool(origin)}"
command = "python data/lab.py {shape} {sign} {origin}"
assumes = {{ shape = "{shape}", sign = "{sign}" }}
"""
    for shape in ("line", "square")
    for sign in ("plain", "folded")
    for origin in ("", "origin")
)

FILES = {
    "generate.py": GENERATE.replace("@LAB@", LAB.replace("\\", "\\\\")),
    "baseline.py": BASELINE,
    "solution.py": SOLUTION,
    "programs.toml": PROGRAMS,
}


def learnable(make_task: MakeTask, **files: str) -> Path:
    """The family's folder, with some of its files replaced."""
    return make_task(LEARNABLE, files=FILES | files, folder="springs")

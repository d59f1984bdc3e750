"""A family that is solved step by step, and a model that plays it.

The target is a sum of five columns, each of which went through one of four functions. A program
sets levers (which function for which column) on top of those that the workspace already has, so
that whoever continues from a better state gets further.
"""

from __future__ import annotations

import random
import re
import threading
from pathlib import Path
from typing import Any

from tests.agents.scripted_model import says
from tests.task_folders import MakeTask

LEVERS: dict[str, Any] = {
    "id": "levers",
    "kind": "tabular-regression",
    "data": {"loader": "generate", "ref": None, "test_size": None, "stratify": None, "target": "y"},
    "submission": {"columns": {"id": "int", "ripe": None, "y": "float"}},
    "grade": {"metric": "mae", "worst": 5.0, "best": 0.0},
}
COLUMNS, SHAPES = "abcde", ("plain", "folded", "square", "wave")

GENERATE = """
import pandas as pd
from mle_gym.datasets.toolkit import Instance

STRUCTURES = {name: ("plain", "folded", "square", "wave") for name in "abcde"}
ROWS = {"micro": 60, "small": 120, "full": 500}
LAB = '''@LAB@'''

def generate(rng, size, difficulty, structure):
    shapes = {}
    exec(LAB, shapes)
    rows = ROWS[size] + 60
    table = pd.DataFrame(rng.uniform(-2, 2, (rows, 5)).round(3), columns=list("abcde"))
    table.insert(0, "id", rng.permutation(rows) + 1)
    signal = table.apply(lambda row: shapes["predict"](row, structure), axis=1)
    table["y"] = (signal + difficulty * 0.1 * rng.normal(size=rows)).round(4)
    train, test = table.head(ROWS[size]), table.tail(60)
    return Instance(
        public={"train.csv": train, "test.csv": test.drop(columns="y"), "lab.py": LAB},
        answers=test[["id", "y"]],
        floor=float((test["y"] - train["y"].median()).abs().mean()),
        ceiling=float((test["y"] - signal.tail(60)).abs().mean()),
    )
"""

LAB = """
import csv, json, math, os
FORMS = {
    "plain": lambda x: x,
    "folded": lambda x: 2 * abs(x) - 2,
    "square": lambda x: x * abs(x),
    "wave": lambda x: 2 * math.sin(3 * x),
}
def predict(row, shapes):
    return sum(FORMS[shape](float(row[name])) for name, shape in shapes.items())
def turn(**levers):
    known = json.load(open("levers.json")) if os.path.exists("levers.json") else {}
    known |= levers
    json.dump(known, open("levers.json", "w"))
    rows = [list(csv.DictReader(open(f"data/{name}.csv"))) for name in ("train", "test")]
    with open("submission.csv", "w") as file:
        file.write("id,y\\n")
        for row in rows[1]:
            file.write(f"{row['id']},{predict(row, known)}\\n")
    errors = [abs(float(row["y"]) - predict(row, known)) for row in rows[0]]
    print(f"validation: {sum(errors) / len(errors):.4f}")
"""

PROGRAM = """
import sys
sys.path.insert(0, "data")
import lab
lab.turn({levers})
"""


def levers(make_task: MakeTask) -> Path:
    """The family's folder."""
    generate = GENERATE.replace("@LAB@", LAB.replace("\\", "\\\\"))
    solution = "print('unknown')"
    files = {"generate.py": generate, "baseline.py": solution, "solution.py": solution}
    return make_task(LEVERS, files=files, folder="levers")


class Player:
    """Answers like a model with ideas but no insight: it tries one lever after the other.

    A draft sets all levers by chance. Every third one has a slip, which it mends when it is asked.

    Args:
        seed: Of its choices.
    """

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._drafts = 0
        self._lock = threading.Lock()

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        asked = request["messages"][-1]["content"]
        with self._lock:
            if "Write a first program" in asked:
                return self._draft()
            if "Mend it" in asked:
                before = re.findall(r"lab\.turm\((.*)\)", asked)[-1]
                return written("mend the slip", before)
            return self._change(asked)

    def _draft(self) -> dict[str, Any]:
        self._drafts += 1
        guess = ", ".join(f"{name}='{self._rng.choice(SHAPES)}'" for name in COLUMNS)
        slip = self._drafts % 3 == 2
        return written(f"guess {self._drafts}", guess, "turm" if slip else "turn")

    def _change(self, asked: str) -> dict[str, Any]:
        every = [f"{name}='{shape}'" for name in COLUMNS for shape in SHAPES]
        new = [change for change in every if f"set {change}" not in asked]
        change = self._rng.choice(new or every)
        return written(f"set {change}", change)


def written(plan: str, arguments: str, function: str = "turn") -> dict[str, Any]:
    """A reply with a plan and a program."""
    program = PROGRAM.format(levers=arguments).replace("lab.turn", f"lab.{function}")
    return says(f"I {plan}.\n\n```python{program}```\n")

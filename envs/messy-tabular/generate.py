"""Batches of a chemical plant: what the yield depends on, and how, differs by variant."""

import json
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

from .question import answers, score, targets

STRUCTURES = {
    "shape": ("pairs", "steps"),
    "link": ("additive", "multiplicative"),
    "zero": ("real", "missing"),
    "overhaul": ("harmless", "changed"),
}
BATCHES = {"micro": 850, "small": 1300, "full": 6000}
"""Batches with a known yield."""
OLD = 0.86
"""The share of them that is older than the overhaul."""
TEST = 2000
READINGS = 6
FLOW, PRESSURE = 0, 2
"""Of the readings, those that are missing at times."""
OVERHAUL = np.datetime64("2024-05-06T06:00")
FIRST, LAST = np.datetime64("2023-09-04T06:00"), np.datetime64("2025-01-06T06:00")
QUESTIONS = ("mae", "pinball", "rmsle", "roc_auc", "roc_auc_columns", "quadratic_kappa", "spearman")
LIMITS = {"roc_auc": [0.3], "roc_auc_columns": [0.2, 0.5, 0.8], "quadratic_kappa": [0.15, 0.4, 0.7]}
"""Quantiles of the yields at which a question has its limits."""
LEARN_NOTHING = {"roc_auc": 0.5, "roc_auc_columns": 0.5, "quadratic_kappa": 0.0, "spearman": 0.0}
NORMAL = np.array([NormalDist().inv_cdf((at + 0.5) / 40) for at in range(40)])
LATTICE = (7, 17)
"""Steps of a rank-1 lattice rule, one for each reading that may be missing."""
SHUT, LEAST = -1.6, -1.5
"""Flows in units of 5 litres above 8: none, and the least of an open valve."""


def generate(
    rng: np.random.Generator,
    variant: int,
    size: str,
    difficulty: float,
    structure: dict[str, str],
) -> Instance:
    law = (draw_law(rng), draw_law(rng))
    known = BATCHES[size]
    rows = known + TEST
    old = np.arange(rows) < OLD * known
    x = rng.normal(size=(rows, READINGS))
    x[:, FLOW] = open_valve(x[:, FLOW])
    shut = rng.random(rows) < 0.15 + 0.3 * difficulty
    failed = rng.random(rows) < 0.04 + 0.04 * difficulty
    if structure["zero"] == "real":
        x[shut, FLOW] = SHUT
    shape = structure["shape"]
    new, before = (scaled(response(x, shape, each)) for each in law)
    signal = new.copy()
    if structure["overhaul"] == "changed":
        kept = 0.75 - 0.5 * difficulty
        signal[old] = kept * new[old] + np.sqrt(1 - kept**2) * before[old]
    noise = 0.15 + 0.15 * difficulty
    seen = signal + noise * rng.normal(size=rows)
    table = readings(rng, x, shut, failed, old, difficulty)
    table["assay_pct"] = np.round(70 + 4 * (seen + 0.8 * rng.normal(size=rows)), 1)
    table["yield_kg"] = np.round(to_yield(seen, structure["link"]), 2)
    unknown = shut & (structure["zero"] == "missing")
    signals = expected(x, unknown, failed, shape, law[0])[-TEST:]
    draws = to_yield(signals + noise * NORMAL, structure["link"])
    question = ask(rng, table["yield_kg"].to_numpy()[~old], "mae" if variant == 0 else None)
    return pack(rng, table, draws, known, question)


def draw_law(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Everything random about how a yield depends on the readings, whatever its shape is."""
    return {
        "weight": rng.choice([-1, 1], READINGS) * rng.uniform(0.6, 1.2, READINGS),
        "pair": rng.choice([-1, 1], 3) * rng.uniform(0.8, 1.2, 3),
        "cut": rng.normal(0, 0.5, READINGS),
    }


def open_valve(x: np.ndarray) -> np.ndarray:
    """Flows that are all more than nothing, from standard normal numbers."""
    return np.abs(x - LEAST) + LEAST


def response(x: np.ndarray, shape: str, law: dict[str, np.ndarray]) -> np.ndarray:
    """What the yield depends on."""
    if shape == "steps":
        return (x > law["cut"]) @ law["weight"]
    products = np.stack([x[:, a] * x[:, b] for a, b in ((0, 1), (2, 3), (4, 5))], axis=1)
    return products @ law["pair"] + 0.3 * x @ law["weight"]


def scaled(f: np.ndarray) -> np.ndarray:
    return (f - f.mean()) / f.std()


def expected(
    x: np.ndarray,
    no_flow: np.ndarray,
    no_pressure: np.ndarray,
    shape: str,
    law: dict[str, np.ndarray],
) -> np.ndarray:
    """Draws of the signal, for whoever knows the law, but no reading that its meter didn't report.

    They are a rank-1 lattice, of which the noise that is added to them is a further coordinate.
    """
    f = response(x, shape, law)
    draws = np.empty((len(x), len(NORMAL)))
    for draw in range(len(NORMAL)):
        guessed = x.copy()
        flow, pressure = (NORMAL[step * draw % len(NORMAL)] for step in LATTICE)
        guessed[no_flow, FLOW] = open_valve(flow)
        guessed[no_pressure, PRESSURE] = pressure
        draws[:, draw] = (response(guessed, shape, law) - f.mean()) / f.std()
    return draws


def to_yield(signal: np.ndarray, link: str) -> np.ndarray:
    """Yields in kilograms."""
    if link == "additive":
        return np.maximum(320 + 110 * signal, 5)
    return 250 * np.exp(0.6 * signal)


def ask(rng: np.random.Generator, yields: np.ndarray, metric: str | None) -> dict[str, Any]:
    """What planning wants to know, drawn if it isn't given."""
    metric = metric or str(rng.choice(QUESTIONS))
    alpha = float(rng.choice([0.2, 0.8])) if metric == "pinball" else None
    limits = [5 * round(limit / 5) for limit in np.quantile(yields, LIMITS.get(metric, []))]
    columns = {
        "roc_auc": [f"below_{limit}" for limit in limits],
        "roc_auc_columns": [f"below_{limit}" for limit in limits],
        "quadratic_kappa": ["grade"],
        "spearman": ["rank"],
    }
    return {
        "metric": metric,
        "columns": columns.get(metric, ["yield_kg"]),
        "limits": limits,
        "alpha": alpha,
    }


def told(question: dict[str, Any]) -> dict[str, Any]:
    """What the task says otherwise because of its question."""
    metric = question["metric"]
    kinds: dict[str, Any] = {"roc_auc": "probability", "roc_auc_columns": "probability"}
    kinds["quadratic_kappa"] = {"values": [0, 1, 2, 3]}
    columns = {"id": "int"} | dict.fromkeys(question["columns"], kinds.get(metric, "float"))
    grade: dict[str, Any] = {"metric": metric, "worst": 100.0, "best": 0.0}
    if metric in LEARN_NOTHING:
        grade |= {"worst": LEARN_NOTHING[metric], "best": 1.0}
    if metric == "quadratic_kappa":
        grade["params"] = {"labels": [0, 1, 2, 3]}
    if metric == "pinball":
        grade["params"] = {"alpha": question["alpha"]}
    if metric == "rmsle":
        grade["worst"] = 1.0
    kind = "tabular-classification" if metric in LIMITS else "tabular-regression"
    target = {"target": question["columns"]}
    return {"kind": kind, "data": target, "submission": {"columns": columns}, "grade": grade}


def readings(
    rng: np.random.Generator,
    x: np.ndarray,
    shut: np.ndarray,
    failed: np.ndarray,
    old: np.ndarray,
    difficulty: float,
) -> pd.DataFrame:
    """The log as the plant keeps it."""
    rows = len(x)
    span = np.where(old, OVERHAUL - FIRST, LAST - OVERHAUL).astype("timedelta64[m]")
    minutes = (rng.random(rows) * span.astype(int)).astype("timedelta64[m]")
    started = np.where(old, FIRST, OVERHAUL).astype("datetime64[m]") + minutes
    celsius = 80 + 6 * x[:, 1]
    fahrenheit = rng.random(rows) < 0.05 + 0.4 * difficulty
    temperature = [
        f"{1.8 * c + 32:.1f} F" if f else f"{c:.1f} C"
        for c, f in zip(celsius, fahrenheit, strict=True)
    ]
    pressure = np.where(failed, -999.0, np.round(12 + 1.5 * x[:, PRESSURE], 2))
    lots = rng.permutation(np.arange(1000, 9999))[: rows // 12]
    return pd.DataFrame(
        {
            "started": np.datetime_as_string(started),
            "catalyst_lot": [f"L{lot}" for lot in rng.choice(lots, rows)],
            "additive_flow": np.where(shut, 0.0, np.round(8 + 5 * x[:, FLOW], 2)),
            "feed_temp": temperature,
            "pressure_bar": pressure,
            "ph": np.round(7 + 0.5 * x[:, 3], 2),
            "stirrer_rpm": np.round(450 + 40 * x[:, 4]),
            "residence_min": np.round(95 + 11 * x[:, 5], 1),
        }
    )


def pack(
    rng: np.random.Generator,
    table: pd.DataFrame,
    draws: np.ndarray,
    known: int,
    question: dict[str, Any],
) -> Instance:
    """The files: batches with a yield, some of them logged twice, and those to predict.

    The draws are what the batches to predict may yield, for whoever knows all but the noise.
    """
    twice = rng.choice(known, known // 20, replace=False)
    table = pd.concat([table.iloc[twice], table], ignore_index=True)
    train = table.head(known + len(twice)).sample(frac=1, random_state=rng)
    test = table.tail(TEST)
    ids = 100_000 + rng.permutation(len(table))
    train.insert(0, "id", ids[: len(train)])
    test.insert(0, "id", ids[len(train) :])
    recent = train.loc[train["started"] >= str(OVERHAUL), "yield_kg"].to_numpy()
    right = targets(question, test["yield_kg"].to_numpy())
    answered = pd.DataFrame(right, columns=question["columns"])
    guess = answers(question, np.tile(recent, (TEST, 1)), recent)
    best = answers(question, draws, recent)
    folder, metric = Path(__file__).parent, question["metric"]
    tools = {
        name: (folder / name).read_text(encoding="utf-8") for name in ("lab.py", "question.py")
    }
    return Instance(
        public={
            "train.csv": train,
            "test.csv": test.drop(columns=["assay_pct", "yield_kg"]),
            "question.json": json.dumps(question),
            **tools,
        },
        answers=pd.concat([test[["id"]].reset_index(drop=True), answered], axis=1),
        floor=LEARN_NOTHING.get(metric, score(question, right, guess)),
        ceiling=score(question, right, best),
        task=told(question),
    )

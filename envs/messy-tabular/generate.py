"""Batches of a chemical plant: what the yield depends on, and how, differs by variant."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "shape": ("linear", "pairs", "steps", "local"),
    "link": ("additive", "multiplicative"),
    "zero": ("real", "missing"),
    "overhaul": ("harmless", "changed"),
}
BATCHES = {"micro": 190, "small": 400, "full": 6000}
"""Batches with a known yield at difficulty 0.5; half of them are older than the overhaul."""
TEST = 2000
READINGS = 6
OVERHAUL = np.datetime64("2024-05-06T06:00")
FIRST, LAST = np.datetime64("2023-09-04T06:00"), np.datetime64("2025-01-06T06:00")
METRICS = (
    ("mae", None, {"worst": 100.0, "best": 0.0}),
    ("pinball", 0.8, {"worst": 100.0, "best": 0.0, "params": {"alpha": 0.8}}),
    ("pinball", 0.2, {"worst": 100.0, "best": 0.0, "params": {"alpha": 0.2}}),
)
KEPT = 0.5
"""Correlation of what the yield depended on before and after an overhaul that changed it."""
SHUT = -1.6
"""What a flow of 0 means, in standard deviations from the mean flow."""


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    metric, alpha, grade = METRICS[rng.integers(len(METRICS))]
    law = (draw_law(rng), draw_law(rng))
    known = round(BATCHES[size] * (1.6 - 1.2 * difficulty))
    rows = known + TEST
    old = np.arange(rows) < known // 2
    x = rng.normal(size=(rows, READINGS))
    shut = rng.random(rows) < 0.35
    if structure["zero"] == "real":
        x[shut, 0] = SHUT
    new, before = (response(x, structure["shape"], each) for each in law)
    signal = new.copy()
    if structure["overhaul"] == "changed":
        signal[old] = KEPT * new[old] + np.sqrt(1 - KEPT**2) * before[old]
    noise = (0.12 + 0.24 * difficulty) * rng.normal(size=rows)
    truth, best = to_yield(signal, noise, structure["link"], alpha, 0.12 + 0.24 * difficulty)
    if structure["zero"] == "missing":
        x[shut, 0] = SHUT
    table = readings(rng, x, shut, old, difficulty)
    table["assay_pct"] = np.round(70 + 4 * (signal + noise + 0.8 * rng.normal(size=rows)), 1)
    table["yield_kg"] = np.round(truth, 2)
    return pack(rng, table, best, known, (metric, alpha, grade))


def draw_law(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Everything random about how a yield depends on the readings, whatever its shape is."""
    return {
        "weight": rng.choice([-1, 1], READINGS) * rng.uniform(0.6, 1.2, READINGS),
        "pair": rng.choice([-1, 1], 3) * rng.uniform(0.8, 1.2, 3),
        "cut": rng.normal(0, 0.5, READINGS),
        "phase": rng.uniform(0, 2 * np.pi, 1),
    }


def response(x: np.ndarray, shape: str, law: dict[str, np.ndarray]) -> np.ndarray:
    """The signal, with mean 0 and standard deviation 1."""
    w = law["weight"]
    if shape == "linear":
        f = x @ w
    elif shape == "pairs":
        products = np.stack([x[:, a] * x[:, b] for a, b in ((0, 1), (2, 3), (0, 4))], axis=1)
        f = products @ law["pair"] + 0.3 * x @ w
    elif shape == "steps":
        f = (x > law["cut"]) @ w
    else:
        direction = w[:3] / np.linalg.norm(w[:3])
        f = np.sin(1.25 * x[:, :3] @ direction + law["phase"])
    return (f - f.mean()) / f.std()


def to_yield(
    signal: np.ndarray, noise: np.ndarray, link: str, alpha: float | None, sd: float
) -> tuple[np.ndarray, np.ndarray]:
    """Yields in kilograms, and the best prediction for whoever knows the signal."""
    quantile = {None: 0.0, 0.8: 0.8416, 0.2: -0.8416}[alpha]
    seen, known = signal + noise, signal + quantile * sd
    if link == "additive":
        return np.maximum(320 + 110 * seen, 5), np.maximum(320 + 110 * known, 5)
    return 250 * np.exp(1.1 * seen), 250 * np.exp(1.1 * known)


def readings(
    rng: np.random.Generator, x: np.ndarray, shut: np.ndarray, old: np.ndarray, difficulty: float
) -> pd.DataFrame:
    """The log as the plant keeps it."""
    rows = len(x)
    span = np.where(old, OVERHAUL - FIRST, LAST - OVERHAUL).astype("timedelta64[m]")
    minutes = (rng.random(rows) * span.astype(int)).astype("timedelta64[m]")
    started = np.where(old, FIRST, OVERHAUL).astype("datetime64[m]") + minutes
    celsius = 80 + 6 * x[:, 1]
    fahrenheit = rng.random(rows) < 0.3
    temperature = [
        f"{1.8 * c + 32:.1f} F" if f else f"{c:.1f} C"
        for c, f in zip(celsius, fahrenheit, strict=True)
    ]
    pressure = np.round(12 + 1.5 * x[:, 2], 2)
    pressure[rng.random(rows) < 0.04 + 0.04 * difficulty] = -999.0
    lots = rng.permutation(np.arange(1000, 9999))[: rows // 12]
    return pd.DataFrame(
        {
            "started": np.datetime_as_string(started),
            "catalyst_lot": [f"L{lot}" for lot in rng.choice(lots, rows)],
            "additive_flow": np.where(shut, 0.0, np.round(np.maximum(8 + 2 * x[:, 0], 0.1), 2)),
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
    best: np.ndarray,
    known: int,
    metric: tuple[str, float | None, dict[str, object]],
) -> Instance:
    """The files: batches with a yield, some of them logged twice, and those to predict."""
    name, alpha, grade = metric
    twice = rng.choice(known, known // 20, replace=False)
    table = pd.concat([table.iloc[twice], table], ignore_index=True)
    train = table.head(known + len(twice)).sample(frac=1, random_state=rng)
    test = table.tail(TEST)
    ids = 100_000 + rng.permutation(len(table))
    train.insert(0, "id", ids[: len(train)])
    test.insert(0, "id", ids[len(train) :])
    recent = train.loc[train["started"] >= str(OVERHAUL), "yield_kg"]
    guess = np.quantile(recent, 0.5 if alpha is None else alpha)
    return Instance(
        public={
            "train.csv": train,
            "test.csv": test.drop(columns=["assay_pct", "yield_kg"]),
            "lab.py": Path(__file__).with_name("lab.py").read_text(encoding="utf-8"),
            "lab.json": json.dumps({"metric": name, "alpha": alpha}),
        },
        answers=test[["id", "yield_kg"]],
        floor=loss(test["yield_kg"] - guess, alpha),
        ceiling=loss(test["yield_kg"] - best[-TEST:], alpha),
        task={"grade": {"metric": name, **grade}},
    )


def loss(error: pd.Series, alpha: float | None) -> float:
    """The mean absolute error, or the pinball loss of a quantile."""
    if alpha is None:
        return float(error.abs().mean())
    return float(np.maximum(alpha * error, (alpha - 1) * error).mean())

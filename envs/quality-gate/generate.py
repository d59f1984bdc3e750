"""Nightly deliveries of shops; which of the things that disturb them is a fault is drawn."""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "metric": ("volume", "price"),
    "scope": ("shop", "chain"),
    "span": ("sudden", "lasting"),
}
"""What the import software's defect disturbs: the number of receipts or the prices, in one shop or
in all of them, for a day or two or for more than a week. All else that happens is business."""

SHOPS = 8
DAYS = {"micro": 300, "small": 500, "full": 2000}
"""Days before the ones to predict."""
TEST_DAYS = 420
AUDITED = {"micro": 800, "small": 1500, "full": 8000}
CLOSED = 0.03
"""The share of days on which a shop doesn't open."""
SHARE = 0.07
"""The share of deliveries that are faulty. Each of the seven other kinds of events disturbs as many
at difficulty 0.5, so that only audits tell which of the eight is the defect."""
RUN = {"sudden": (1, 2), "lasting": (8, 12)}
"""The shortest and the longest event, in days."""
WINDOW = 7
"""Days of the running median that tells sudden from lasting."""
START = np.datetime64("2022-03-01")


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    days = DAYS[size] + TEST_DAYS
    noise = 0.05 + 0.05 * difficulty
    usual = {metric: seasons(rng, days) for metric in STRUCTURES["metric"]}
    error = {metric: noise * rng.normal(size=(SHOPS, days)) for metric in usual}
    level = {metric: usual[metric] + error[metric] for metric in usual}
    fault = np.zeros((SHOPS, days))
    for kind in product(*STRUCTURES.values()):
        is_fault = kind == tuple(structure.values())
        share = SHARE if is_fault else SHARE * (0.3 + 1.4 * difficulty)
        change = events(rng, days, *kind[1:], share)
        level[kind[0]] = level[kind[0]] + change
        fault = change if is_fault else fault
    clean = evidence(fault + error[structure["metric"]], structure["scope"], structure["span"])
    table = profiles(rng, level, days)
    table["faulty"] = (fault != 0).astype(int).ravel()
    table["clean"] = clean.ravel()
    return pack(rng, table, DAYS[size], AUDITED[size])


def seasons(rng: np.random.Generator, days: int) -> np.ndarray:
    """The logarithm of what is usual for each shop and day: its own week, and the chain's year."""
    day = np.arange(days)
    week = 0.25 * rng.normal(size=7) + 0.15 * rng.normal(size=(SHOPS, 7))
    year = 0.25 * np.sin(2 * np.pi * (day / 365 + rng.random()))
    growth = 0.3 * rng.normal(size=(SHOPS, 1)) * day / days
    return 0.4 * rng.normal(size=(SHOPS, 1)) + week[:, day % 7] + year + growth


def events(rng: np.random.Generator, days: int, scope: str, span: str, share: float) -> np.ndarray:
    """By shop and day how far events of one kind move the logarithm of a metric."""
    rows = SHOPS if scope == "shop" else 1
    change = np.zeros((rows, days))
    low, high = RUN[span]
    count = round(share * days / (low + high) * 2)
    for row in change:
        gaps = rng.multinomial(days - count * high, np.full(count + 1, 1 / (count + 1)))
        starts = np.cumsum(gaps[:count]) + high * np.arange(count)
        for start in starts:
            run = int(rng.integers(low, high + 1))
            row[start : start + run] = rng.choice([-1, 1]) * rng.uniform(0.2, 0.45)
    return np.broadcast_to(change, (SHOPS, days))


def evidence(deviation: np.ndarray, scope: str, span: str) -> np.ndarray:
    """How far a delivery deviates in one respect."""
    middle = np.median(deviation, axis=0, keepdims=True)
    x = np.broadcast_to(middle, deviation.shape) if scope == "chain" else deviation - middle
    half = WINDOW // 2
    padded = np.pad(x, ((0, 0), (half, half)), mode="edge")
    running = np.median(np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=1), axis=2)
    return np.abs(running if span == "lasting" else x - running)


def profiles(rng: np.random.Generator, level: dict[str, np.ndarray], days: int) -> pd.DataFrame:
    """What the warehouse notes of each delivery as it arrives."""
    shape = (SHOPS, days)
    receipts = np.exp(6.8 + level["volume"])
    items = receipts * np.exp(1.9 + 0.06 * rng.normal(size=shape))
    revenue = items * np.exp(0.9 + level["price"])
    cents = np.where(rng.random((SHOPS, 1)) < 0.4, 100, 1)
    names = rng.permutation(np.arange(100, 999))[:SHOPS]
    day = np.datetime_as_string(START + int(rng.integers(0, 365)) + np.arange(days))
    return pd.DataFrame(
        {
            "shop": np.repeat([f"S{name}" for name in names], days),
            "day": np.tile(day, SHOPS),
            "receipts": np.round(receipts).astype(int).ravel(),
            "items": np.round(items).astype(int).ravel(),
            "revenue": np.round(revenue * cents, 0).astype(int).ravel(),
            "empty_pct": np.round(rng.gamma(2.0, 0.4, shape), 2).ravel(),
            "arrived_min": np.round(rng.gamma(6.0, 9.0, shape)).astype(int).ravel(),
            "at": np.tile(np.arange(days), SHOPS),
        }
    )


def pack(rng: np.random.Generator, table: pd.DataFrame, past: int, audited: int) -> Instance:
    """The files: earlier deliveries, of which some were audited, and the ones to judge."""
    old = np.flatnonzero(table["at"] < past)
    new = np.flatnonzero(table["at"] >= past)
    old, new = (rng.permutation(part)[: round((1 - CLOSED) * len(part))] for part in (old, new))
    ids = 10_000 + rng.permutation(len(old) + len(new))
    hidden = ["faulty", "clean", "at"]
    history, test = table.iloc[old].copy(), table.iloc[new].copy()
    history.insert(0, "delivery", ids[: len(old)])
    test.insert(0, "delivery", ids[len(old) :])
    audits = history[["delivery", "faulty"]].sample(audited, random_state=rng)
    return Instance(
        public={
            "history.csv": history.drop(columns=hidden),
            "test.csv": test.drop(columns=hidden),
            "audits.csv": audits,
            "gate.py": Path(__file__).with_name("gate.py").read_text(encoding="utf-8"),
        },
        answers=test[["delivery", "faulty"]],
        floor=float(test["faulty"].mean()),
        ceiling=average_precision(test["faulty"].to_numpy(), test["clean"].to_numpy()),
    )


def average_precision(faulty: np.ndarray, score: np.ndarray) -> float:
    """The mean precision at each faulty delivery, from the most suspicious one on."""
    hits = faulty[np.argsort(-score, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits == 1].mean())

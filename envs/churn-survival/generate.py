"""Customers of a telephone company: when they leave, and what that hangs on, differs by variant."""

from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "risk": ("pairs", "steps"),
    "effect": ("lasting", "fading"),
    "clock": ("tenure", "contract"),
}
CUSTOMERS = {"micro": 700, "small": 1500, "full": 20_000}
TEST = 3000
TRAITS = 6
CUTS = (-0.97, -0.43, 0.0, 0.43, 0.97)
MONTHS, WELCOME, DAYS = 12, 4, 30
HORIZONS = (3, 6, 9, 12)
"""Months after which somebody may still be a customer."""
EXPORT = np.datetime64("2025-06-30")
REASONS = ("price", "coverage", "moved", "service", "unknown")
PLACE = {f"stay_{DAYS * month}": month for month in HORIZONS}


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    known = CUSTOMERS[size]
    rows = known + TEST
    law = draw_law(rng)
    x = rng.normal(size=(rows, TRAITS))
    contract = rng.choice([3, 6, 12], rows)
    hazard = hazards(x, contract, structure, law, 2.2 - 1.0 * difficulty)
    stay = np.cumprod(1 - hazard, axis=1)
    month = (rng.random((rows, 1)) < stay).sum(axis=1)
    left = month * DAYS + rng.integers(1, DAYS + 1, rows)
    table = traits(rng, x, contract, difficulty)
    months = list(HORIZONS)
    outcome = pd.DataFrame({name: (month >= after).astype(int) for name, after in PLACE.items()})
    truth = pd.DataFrame(stay[:, np.array(months) - 1], columns=list(PLACE))
    return pack(rng, table, outcome, truth, left, known, 0.5 + difficulty)


def draw_law(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Everything random about the risk, whatever its form is."""
    return {
        "weight": rng.choice([-1, 1], TRAITS) * rng.uniform(0.6, 1.2, TRAITS),
        "pair": rng.choice([-1, 1], 3) * rng.uniform(0.8, 1.2, 3),
        "cut": rng.choice(CUTS, TRAITS) + 0.05 * rng.normal(size=TRAITS),
    }


def hazards(
    x: np.ndarray,
    contract: np.ndarray,
    structure: dict[str, str],
    law: dict[str, np.ndarray],
    strength: float,
) -> np.ndarray:
    """The probability of leaving in each month for those who are still there."""
    w = law["weight"]
    if structure["risk"] == "pairs":
        products = np.stack([x[:, a] * x[:, b] for a, b in ((0, 1), (2, 3), (4, 5))], axis=1)
        f = products @ law["pair"] + 0.5 * x @ w
    else:
        f = (x > law["cut"]) @ w
    f = (f - f.mean()) / f.std()
    month = np.arange(MONTHS)
    effect = (month < WELCOME) | (structure["effect"] == "lasting")
    if structure["clock"] == "tenure":
        base = np.broadcast_to(-1.25 - 0.24 * month, (len(x), MONTHS))
    else:
        base = np.where((month + 1) % contract[:, None] == 0, -0.3, -4.0)
    return 1 / (1 + np.exp(-(base + strength * f[:, None] * effect)))


def traits(
    rng: np.random.Generator, x: np.ndarray, contract: np.ndarray, difficulty: float
) -> pd.DataFrame:
    """Customers as the data warehouse has them."""
    rows = len(x)
    volume = np.exp(2.2 + 0.6 * x[:, 1])
    small = rng.random(rows) < 0.3
    satisfaction = np.round(60 + 12 * x[:, 5])
    satisfaction[rng.random(rows) < 0.03 + 0.04 * difficulty] = -1
    shops = rng.permutation(np.arange(10_000, 99_999))[: rows // 8]
    return pd.DataFrame(
        {
            "shop": [f"P{shop}" for shop in rng.choice(shops, rows)],
            "contract_months": contract,
            "price_eur": np.round(40 + 8 * x[:, 0], 2),
            "data_volume": [
                f"{1000 * v:.0f} MB" if s else f"{v:.2f} GB"
                for v, s in zip(volume, small, strict=True)
            ],
            "app_days": np.round(15 + 4 * x[:, 2], 1),
            "call_minutes": np.round(220 + 60 * x[:, 3]),
            "dropped_calls_pct": np.round(np.maximum(4 + x[:, 4], 0), 2),
            "satisfaction": satisfaction,
        }
    )


def pack(
    rng: np.random.Generator,
    table: pd.DataFrame,
    outcome: pd.DataFrame,
    truth: pd.DataFrame,
    left: np.ndarray,
    known: int,
    growth: float,
) -> Instance:
    """The files: customers who joined before the export, with what is known of them by then.

    The more the operator grows, the more of them joined a short time ago.
    """
    rows = len(table)
    ids = 500_000 + rng.permutation(rows)
    table.insert(0, "id", ids)
    joined_ago = (60 + 600 * rng.random(rows) ** growth).astype(int)
    seen = np.where(rng.random(rows) < 0.1, rng.integers(15, 400, rows), 10_000)
    seen = np.minimum(seen, np.minimum(joined_ago, MONTHS * DAYS))
    reason = rng.choice(REASONS, rows)
    asked = rng.random(rows) < rng.uniform(0.2, 0.9)
    train = table.head(known).copy()
    train.insert(1, "joined", np.datetime_as_string(EXPORT - joined_ago)[:known])
    churned = (left <= seen)[:known]
    train["days_seen"] = np.minimum(left, seen)[:known]
    train["churned"] = churned.astype(int)
    train["exit_reason"] = np.where(churned & asked[:known], reason[:known], None)
    answers = outcome.tail(TEST).assign(id=ids[-TEST:])[["id", *PLACE]]
    guess = outcome.head(known).mean()
    return Instance(
        public={
            "train.csv": train,
            "test.csv": table.tail(TEST),
            "lab.py": Path(__file__).with_name("lab.py").read_text(encoding="utf-8"),
        },
        answers=answers,
        floor=loss(outcome.tail(TEST) - guess),
        ceiling=loss(outcome.tail(TEST) - truth.tail(TEST)),
    )


def loss(error: pd.DataFrame) -> float:
    """The mean over the horizons of the root of the Brier score."""
    return float(np.sqrt((error**2).mean()).mean())

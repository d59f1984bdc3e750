"""Daily sales of fresh products: seasons, promotions, empty shelves, and levels that move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "season": ("week", "month"),
    "promotion": ("flat", "depth"),
    "shelf": ("lost", "last"),
    "level": ("lasting", "passing"),
}
"""When customers come; whether a promotion's lift grows with its discount; whether an empty shelf
lost sales or was emptied by the last of many customers; whether moves of a level last."""

PRODUCTS = {"micro": 100, "small": 160, "full": 600}
DAYS = {"micro": 147, "small": 182, "full": 546}
TEST, TRIAL = 42, 42
DEPARTMENTS = {
    "bakery": (0.3, 1.4),
    "fruit": (0.15, 2.9),
    "cakes": (0.15, 3.2),
    "sandwiches": (0.2, 4.6),
    "salads": (0.15, 5.9),
    "sushi": (0.05, 8.5),
}
"""The share of products, and the usual price in euros."""
NOISE = 0.4


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    products, past = PRODUCTS[size], DAYS[size]
    days = past + TEST
    amount = 0.55 + 0.9 * difficulty
    dates = pd.date_range("2021-01-01", periods=days) + pd.Timedelta(days=int(rng.integers(900)))
    discount = promotions(rng, products, days)
    known = amount * season(rng, dates, structure["season"]) + amount * lift(
        rng, discount, structure["promotion"]
    )
    base, level, expected = levels(rng, products, days, structure["level"], 0.42 * amount)
    noise = NOISE * rng.normal(size=(products, days))
    demand = np.exp(base + level + known + noise)
    trial = rng.permutation(products) < products // 2
    limited = np.ones((products, days), bool)
    limited[trial, past - TRIAL :] = False
    limited[:, past:] = False
    sold_out, sales = shelves(rng, demand, noise, limited, structure["shelf"])
    table = rows(rng, dates, discount, sold_out, sales)
    train, test = table[: past * products], table[past * products :]
    best = np.exp(base + expected[:, [past - 1]] + known)[:, past:].T.ravel()
    answer, codes = test["sales"].to_numpy(), table["product"].iloc[:products].to_numpy()
    train = train[["id", "date", "product", "discount", "sold_out", "sales"]]
    train = train[rng.random(len(train)) > rng.uniform(0.004, 0.02)]
    lab = Path(__file__).with_name("forecast.py").read_text(encoding="utf-8")
    return Instance(
        public={
            "train.csv": train,
            "test.csv": test[["id", "date", "product", "discount"]],
            "products.csv": catalog(rng, codes, base[:, 0]),
            "trial.csv": pd.DataFrame({"product": sorted(codes[trial])}),
            "forecast.py": lab,
        },
        answers=test[["id", "sales"]].astype({"sales": float}),
        floor=wape(answer, np.median(answer)),
        ceiling=wape(answer, best),
        truth={"amount": amount},
    )


def catalog(rng: np.random.Generator, codes: np.ndarray, base: np.ndarray) -> pd.DataFrame:
    """Department and price of each product: what is cheap tends to sell the most."""
    share, usual = np.array(list(DEPARTMENTS.values())).T
    place = np.argsort(np.argsort(rng.normal(size=len(base)) - base)) / len(base)
    department = np.searchsorted(np.cumsum(share)[:-1], place, side="right")
    price = usual[department] * np.exp(0.2 * rng.normal(size=len(base)))
    table = {
        "product": codes,
        "department": np.array(list(DEPARTMENTS))[department],
        "price_eur": np.round(np.round(price, 1) - 0.01, 2),
    }
    return pd.DataFrame(table).sort_values(["department", "product"])


def wape(truth: np.ndarray, forecast: np.ndarray | float) -> float:
    return float(abs(truth - forecast).sum() / truth.sum())


def promotions(rng: np.random.Generator, products: int, days: int) -> np.ndarray:
    """The discount of each product on each day, in percent; 0 without a promotion."""
    discount = np.zeros((products, days))
    for row in discount:
        day = int(rng.integers(0, 14))
        while day < days:
            length = int(rng.integers(3, 8))
            row[day : day + length] = rng.choice([5, 10, 20, 30, 50])
            day += length + int(rng.integers(5, 16))
    return discount


def season(rng: np.random.Generator, dates: pd.DatetimeIndex, kind: str) -> np.ndarray:
    """The logarithm of what the day of the week, or of the month, does to sales."""
    if kind == "week":
        effect = rng.permutation(np.linspace(-0.55, 0.55, 7))
        return effect[dates.day_of_week]
    effect = rng.permutation(np.linspace(-0.55, 0.55, 6))
    return effect[np.minimum((dates.day - 1) // 5, 5)]


def lift(rng: np.random.Generator, discount: np.ndarray, kind: str) -> np.ndarray:
    """The logarithm of what a promotion does to sales."""
    strength = rng.uniform(0.9, 1.1)
    if kind == "flat":
        return strength * 0.8 * (discount > 0)
    return strength * 2.8 * discount / 100


def levels(
    rng: np.random.Generator, products: int, days: int, kind: str, spread: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each product's base, where its level lies each day, and where one should expect it later.

    A passing move has gone after some three weeks; a lasting one stays, and few come.
    """
    base = rng.normal(3.0, 0.8, (products, 1))
    level = np.zeros((products, days))
    if kind == "lasting":
        for row in level:
            for day in np.arange(int(rng.integers(5, 60)), days - TEST, 60):
                row[day:] += 1.5 * spread * rng.choice([-1, 1]) * rng.uniform(0.7, 1.3)
        return base, level, level
    for row in level:
        day = -int(rng.integers(0, 30))
        while day < days:
            length = int(rng.integers(16, 30))
            row[max(day, 0) : max(day + length, 0)] = spread * rng.choice([-1, 1]) * 1.2
            day += length
    return base, level, np.zeros_like(level)


def shelves(
    rng: np.random.Generator,
    demand: np.ndarray,
    noise: np.ndarray,
    limited: np.ndarray,
    kind: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Which shelves were empty in the evening, and what was sold."""
    if kind == "lost":
        empty = limited & (rng.random(demand.shape) < 0.4)
        demand = np.where(empty, demand * rng.uniform(0.05, 0.6, demand.shape), demand)
    else:
        empty = noise + 0.1 * rng.normal(size=noise.shape) > 0.15 * NOISE
    return empty, np.round(demand).astype(int)


def rows(
    rng: np.random.Generator,
    dates: pd.DatetimeIndex,
    discount: np.ndarray,
    sold_out: np.ndarray,
    sales: np.ndarray,
) -> pd.DataFrame:
    """One row for each day and product, day by day."""
    products, days = sales.shape
    prefix = rng.choice(["P", "AR", "SKU", "ITEM"])
    numbers = rng.choice(np.arange(1000, 9999), products, replace=False)
    codes = [f"{prefix}{number}" for number in numbers]
    off = pd.Series(discount.T.ravel())
    return pd.DataFrame(
        {
            "id": np.arange(1, products * days + 1),
            "date": np.repeat(dates.strftime("%Y-%m-%d").to_numpy(), products),
            "product": np.tile(codes, days),
            "discount": off.where(off > 0).astype("Int64").astype(object),  # 5, not 5.0
            "sold_out": sold_out.T.ravel().astype(int),
            "sales": sales.T.ravel(),
        }
    )

"""Customers with and without a voucher; how the desk chose, and whom it moves, is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "desk": ("by-record", "by-talk"),
    "effect": ("linear", "pairs"),
    "through": ("orders", "basket", "returns"),
}
"""Whether those who handed out vouchers went by what is recorded or by what customers told them;
the form of the effect; whether a voucher changes how often people order, for how much, or how much
of it they send back."""

ROWS = {"micro": (5000, 1450), "small": (6000, 1600), "full": (60_000, 6000)}
"""Customers to whom the desk gave vouchers or not, and customers of the lottery."""
TEST = 3000
TRAITS = 8
WEEKS = 13


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    desk, lottery = ROWS[size]
    rows = desk + lottery + TEST
    x = rng.normal(size=(rows, TRAITS))
    told = rng.normal(size=rows)
    effect = standard(form(rng, x, structure["effect"]))
    habit = standard(x @ rng.normal(size=TRAITS))
    chance = 1 / (1 + np.exp(-3.0 * desk_choice(rng, x, told, structure["desk"])))
    by_lot = np.arange(rows) >= desk
    voucher = (rng.random(rows) < np.where(by_lot, 0.5, chance)).astype(int)

    moved = (0.6 + 1.2 * difficulty) * told
    with_voucher = np.prod(means(effect + moved, habit, structure), axis=0)
    gain = with_voucher - np.prod(means(moved, habit, structure), axis=0)
    weeks, ordered, kept = purchases(rng, *means(voucher * effect + moved, habit, structure))
    table = traits(rng, x)
    table.insert(0, "customer", 100_000 + rng.permutation(900_000)[:rows])
    known = table.head(desk + lottery).assign(
        chosen_by=np.where(by_lot, "lottery", "desk")[: desk + lottery],
        voucher=voucher[: desk + lottery],
        weeks_ordered=weeks[: desk + lottery],
        ordered_eur=ordered[: desk + lottery],
        returned_eur=np.round(ordered - kept, 2)[: desk + lottery],
    )
    test = table.tail(TEST)
    return Instance(
        public={
            "train.csv": known.iloc[rng.permutation(len(known))],
            "test.csv": test,
            "uplift.py": Path(__file__).with_name("uplift.py").read_text(encoding="utf-8"),
        },
        answers=test[["customer"]].assign(gain=np.round(gain[-TEST:], 4)),
        floor=0.0,
        ceiling=1.0,
    )


def standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def form(rng: np.random.Generator, x: np.ndarray, kind: str) -> np.ndarray:
    """How much a voucher moves each customer."""
    weight = rng.choice([-1, 1], TRAITS) * rng.uniform(0.5, 1.2, TRAITS)
    at = rng.permutation(TRAITS)
    if kind == "linear":
        return x @ weight
    return (x[:, at[::2]] * x[:, at[1::2]]) @ weight[::2] + 0.2 * x @ weight


def desk_choice(rng: np.random.Generator, x: np.ndarray, told: np.ndarray, kind: str) -> np.ndarray:
    """Whom the desk prefers: one team those who speak of buying more, the other of buying less."""
    weight, at = rng.normal(size=TRAITS), rng.permutation(TRAITS)
    if kind == "by-record":
        return standard(x @ weight)
    return told * standard(x @ weight + x[:, at[0]] * x[:, at[1]])


def means(
    moved: np.ndarray, habit: np.ndarray, structure: dict[str, str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expected weeks with an order, the euros of an order, and the share that is kept."""
    by = {name: moved * (name == structure["through"]) for name in STRUCTURES["through"]}
    share = 0.5 + 0.07 * habit + 0.11 * by["orders"]
    basket = 40 + 3 * habit + 8 * by["basket"]
    kept = 0.65 + 0.02 * habit + 0.12 * by["returns"]
    return WEEKS * share.clip(0.03, 0.97), basket.clip(8.0), kept.clip(0.1, 0.97)


def purchases(
    rng: np.random.Generator, weeks: np.ndarray, basket: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What one customer did in the quarter: weeks with an order, euros ordered and euros kept."""
    often = rng.binomial(WEEKS, weeks / WEEKS)
    spread = rng.normal(size=(2, len(weeks))) / np.sqrt(np.maximum(often, 1))
    ordered = np.round(often * np.maximum(basket + 14.0 * spread[0], 2.0), 2)
    return often, ordered, np.round(ordered * (kept + 0.25 * spread[1]).clip(0, 1), 2)


def traits(rng: np.random.Generator, x: np.ndarray) -> pd.DataFrame:
    """Customers as the shop's database has them."""
    days = np.round(np.maximum(9 + 3 * x[:, 3], 0), 1)
    return pd.DataFrame(
        {
            "months_known": np.round(np.exp(2.8 + 0.6 * x[:, 0]), 1),
            "days_between_orders": np.round(np.exp(2.3 + 0.4 * x[:, 1]), 1),
            "on_offer_pct": np.round((30 + 9 * x[:, 2]).clip(0, 100), 1),
            "app_days": np.where(rng.random(len(x)) < 0.03, -1, days),
            "distance_km": np.round(np.exp(1.5 + 0.5 * x[:, 4]), 2),
            "returns_pct": np.round(np.maximum(6 + 2 * x[:, 5], 0), 2),
            "brands": np.round(np.maximum(12 + 3 * x[:, 6], 1)).astype(int),
            "evening_pct": np.round((40 + 11 * x[:, 7]).clip(0, 100), 1),
        }
    )

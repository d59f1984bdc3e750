"""Invoices, some of them paid late; which fields of the archive tell the future is drawn."""

from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "contacts": ("known", "backfilled"),
    "history": ("as-of", "whole-archive"),
    "amount": ("absolute", "relative"),
    "shape": ("smooth", "patchy"),
}
ROWS = {"micro": (420, 340), "small": (900, 800), "full": (12_000, 6_000)}
"""Invoices of the archive, and of the new ledger, whose outcome is known."""
TEST = 3000
READINGS = 4
STARTS = ("2023-01-01", "2024-07-01", "2024-11-01", "2025-05-01")
"""First days of the archive, of the new ledger, of the invoices to predict, and the day after."""


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    order, day, period = draw_orders(rng, (*ROWS[size], TEST))
    archive = period == 0
    weights = rng.choice([-1, 1], READINGS) * rng.uniform(0.7, 1.2, READINGS)
    x = rng.normal(size=(order.max() + 1, READINGS))[order] + 0.15 * rng.normal(
        size=(len(order), READINGS)
    )
    customer = rng.integers(0, ROWS[size][0] // 3, order.max() + 1)[order]
    level = monthly_level(rng, day)
    own = 0.9 * rng.normal(size=order.max() + 1)[order]
    asked = rng.normal(size=len(order))
    habit = rng.normal(size=customer.max() + 1)[customer]

    signal = 1.3 * response(x, weights, structure["shape"])
    signal += level + own if structure["amount"] == "absolute" else 1.3 * own
    signal += 1.3 * asked * (structure["contacts"] == "known")
    signal += 1.5 * habit * (structure["history"] == "as-of")
    signal *= (3.2 - 1.2 * difficulty) / signal.std()
    hidden = 0.5 * rng.normal(size=order.max() + 1)[order]
    late = (rng.random(len(order)) < sigmoid(signal + hidden - 0.6)).astype(int)

    if structure["contacts"] == "backfilled":
        asked = backfilled(rng, late, archive, leak=0.5 + 0.5 * difficulty)
    share = late_share(rng, customer, habit, late, archive, structure["history"])
    table = pd.DataFrame(
        {
            "issued": np.datetime_as_string(day),
            "customer": rng.permutation(np.arange(1000, 9999))[customer],
            "order_no": rng.permutation(np.arange(20_000, 99_000))[order],
            **readings(rng, x, level + own, difficulty),
            "contacts_90d": rng.poisson(np.exp(1.5 + 0.6 * asked)),
            "late_share": share,
            "late": late,
        }
    )
    return pack(rng, table, signal, period)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def draw_orders(
    rng: np.random.Generator, counts: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By invoice: its order, the day of issue and the period. An order has one to three."""
    orders, days, periods, first = [], [], [], 0
    for period, count in enumerate(counts):
        start, end = (np.datetime64(each, "D") for each in STARTS[period : period + 2])
        order = np.repeat(np.arange(count), rng.integers(1, 4, count))[:count]
        day = rng.integers(0, (end - start).astype(int) - 14, count)[order]
        orders.append(first + order)
        days.append(start + day + rng.integers(0, 14, count))
        periods.append(np.full(count, period))
        first += int(order.max()) + 1
    return np.concatenate(orders), np.concatenate(days), np.concatenate(periods)


def monthly_level(rng: np.random.Generator, day: np.ndarray) -> np.ndarray:
    """By invoice: the level of amounts in its month, which is drawn for each month."""
    month = day.astype("datetime64[M]").astype(int)
    return 0.9 * rng.permutation(np.linspace(-1.5, 1.5, 28))[month - month.min()]


def backfilled(
    rng: np.random.Generator, late: np.ndarray, archive: np.ndarray, leak: float
) -> np.ndarray:
    """Contacts that tell the outcome in the archive, where they were counted after it."""
    told = (late - late.mean()) / late.std()
    noise = rng.normal(size=len(late))
    return np.where(archive, leak * told + np.sqrt(1 - leak**2) * noise, noise)


def response(x: np.ndarray, weights: np.ndarray, shape: str) -> np.ndarray:
    """What the invoice itself says, with mean 0 and standard deviation 1."""
    if shape == "smooth":
        f = x @ weights
    else:
        f = np.cos(1.65 * (x[:, :2] @ weights[:2]) / np.linalg.norm(weights[:2]))
    return (f - f.mean()) / f.std()


def late_share(
    rng: np.random.Generator,
    customer: np.ndarray,
    habit: np.ndarray,
    late: np.ndarray,
    archive: np.ndarray,
    kind: str,
) -> np.ndarray:
    """The share of a customer's invoices that were late; NaN for customers without any."""
    known = np.bincount(customer[archive], minlength=customer.max() + 1)[customer]
    if kind == "whole-archive":
        lates = np.bincount(customer[archive], late[archive], customer.max() + 1)[customer]
    else:
        lates = rng.binomial(known, sigmoid(2.0 * habit - 0.6))
    with np.errstate(invalid="ignore"):
        return np.round(lates / known, 3)


def readings(
    rng: np.random.Generator, x: np.ndarray, amount: np.ndarray, difficulty: float
) -> dict[str, object]:
    """The invoice's own fields as the ledgers write them."""
    used = np.round(55 + 15 * x[:, 0], 1)
    used[rng.random(len(x)) < 0.03 + 0.04 * difficulty] = -1
    cents = np.round(np.exp(7.5 + amount), 2)
    comma = rng.random(len(x)) < 0.3
    return {
        "limit_used_pct": used,
        "lead_days": np.round(np.maximum(20 + 5 * x[:, 1], 0), 1),
        "discount_pct": np.round(np.maximum(8 + 2 * x[:, 2], 0), 1),
        "distance_km": np.round(np.exp(5 + 0.6 * x[:, 3]), 1),
        "amount": [
            f"{value:.2f}".replace(".", ",") if c else f"{value:.2f}"
            for value, c in zip(cents, comma, strict=True)
        ],
    }


def pack(
    rng: np.random.Generator, table: pd.DataFrame, signal: np.ndarray, period: np.ndarray
) -> Instance:
    """The files: invoices with a known outcome, some of them exported twice, and later ones."""
    known = np.flatnonzero(period < 2)
    twice = rng.choice(np.flatnonzero(period == 0), len(known) // 30, replace=False)
    train = table.iloc[rng.permutation(np.concatenate([known, twice]))].reset_index(drop=True)
    future = rng.permutation(np.flatnonzero(period == 2))
    test = table.iloc[future].reset_index(drop=True)
    ids = 100_000 + rng.permutation(len(train) + len(test))
    train.insert(0, "id", ids[: len(train)])
    test.insert(0, "id", ids[len(train) :])
    return Instance(
        public={
            "train.csv": train,
            "test.csv": test.drop(columns="late"),
            "lab.py": Path(__file__).with_name("lab.py").read_text(encoding="utf-8"),
        },
        answers=test[["id", "late"]],
        floor=0.5,
        ceiling=roc_auc(test["late"].to_numpy(), signal[future]),
    )


def roc_auc(y: np.ndarray, score: np.ndarray) -> float:
    """The share of pairs of a late and a punctual invoice that the score puts in order."""
    rank = np.empty(len(y))
    rank[np.argsort(score)] = np.arange(1, len(y) + 1)
    late = int(y.sum())
    return float((rank[y == 1].sum() - late * (late + 1) / 2) / (late * (len(y) - late)))

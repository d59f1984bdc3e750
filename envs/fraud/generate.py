"""Card payments, few of them fraudulent; what gives a fraud away differs by variant."""

from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "pattern": ("pairs", "steps"),
    "fraudsters": ("steady", "moved"),
    "scores": ("absolute", "relative"),
}
PAYMENTS = {"micro": 60_000, "small": 120_000, "full": 800_000}
"""Payments before the export; the agent sees the reported frauds and one in ten
of the others."""
TEST = 6000
SIGNALS = 6
CUTS = (-0.97, -0.43, 0.0, 0.43, 0.97)
RATE, REVIEW = 0.03, 8.0
"""The share of frauds, and what looking into a payment costs, in euros."""
KEPT_ONE_IN = 10
DAYS, SETTLED, DELAY = 360, 60, 25.0
MERCHANTS, OWN = 40, 0.75
"""Merchants, and the standard deviation of what is their own in the scores that they compute."""
EXPORT = np.datetime64("2025-09-30")
CODES = ("4837", "4863", "10.4", "10.5", "F29")


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    laws = (draw_law(rng), draw_law(rng))
    past = PAYMENTS[size]
    rows = past + TEST
    age = np.r_[rng.integers(1, DAYS + 1, past), np.zeros(TEST, int)]
    merchant = rng.integers(MERCHANTS, size=rows)
    signals, x = observed(rng, merchant, structure["scores"])
    now, before = (response(signals, structure["pattern"], law) for law in laws)
    signal, old = now.copy(), age > SETTLED
    if structure["fraudsters"] == "moved":
        kept = 0.75 - 0.5 * difficulty  # correlation of what gave frauds away before and after
        signal[old] = kept * now[old] + np.sqrt(1 - kept**2) * before[old]
    risk = probability(signal, 3.0 - 1.6 * difficulty)
    fraud = rng.random(rows) < risk
    delay = np.ceil(rng.exponential(DELAY, rows)).astype(int)
    known = fraud & (delay <= age)
    shown = (age > 0) & (known | (rng.random(rows) < 1 / KEPT_ONE_IN))
    shown |= age == 0
    table = payments(rng, x[shown], merchant[shown], difficulty)
    facts = pd.DataFrame({"age": age, "risk": risk, "known": known, "delay": delay})
    return pack(rng, table, facts[shown].reset_index(drop=True))


def observed(
    rng: np.random.Generator, merchant: np.ndarray, scores: str
) -> tuple[np.ndarray, np.ndarray]:
    """What matters about each payment, and what is logged, both with standard deviation 1.

    The last three signals are scores that merchants compute, each in a way of its own.
    """
    own = np.zeros((MERCHANTS, SIGNALS))
    own[:, 3:] = OWN * rng.normal(size=(MERCHANTS, SIGNALS - 3))
    spread = np.where(np.arange(SIGNALS) < 3, 1.0, np.sqrt(1 - OWN**2))
    deviation = rng.normal(size=(len(merchant), SIGNALS))
    logged = own[merchant] + spread * deviation
    return (deviation if scores == "relative" else logged), logged


def draw_law(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Everything random about what gives a fraud away, whatever its form is."""
    return {
        "weight": rng.choice([-1, 1], SIGNALS) * rng.uniform(0.6, 1.2, SIGNALS),
        "pair": rng.choice([-1, 1], 3) * rng.uniform(0.8, 1.2, 3),
        "cut": rng.choice(CUTS, SIGNALS) + 0.05 * rng.normal(size=SIGNALS),
    }


def response(x: np.ndarray, pattern: str, law: dict[str, np.ndarray]) -> np.ndarray:
    """The signal, with mean 0 and standard deviation 1."""
    w = law["weight"]
    if pattern == "pairs":
        products = np.stack([x[:, a] * x[:, b] for a, b in ((0, 1), (2, 3), (4, 5))], axis=1)
        f = products @ law["pair"] + 0.3 * x @ w
    else:
        f = (x > law["cut"]) @ w
    return (f - f.mean()) / f.std()


def probability(signal: np.ndarray, strength: float) -> np.ndarray:
    """The probability of fraud, with its mean at the rate."""
    low, high = -30.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        risk = 1 / (1 + np.exp(-(middle + strength * signal)))
        low, high = (low, middle) if risk.mean() > RATE else (middle, high)
    return risk


def payments(
    rng: np.random.Generator, x: np.ndarray, merchant: np.ndarray, difficulty: float
) -> pd.DataFrame:
    """Payments as the processor logs them."""
    rows = len(x)
    age = np.round(np.exp(6 + 0.5 * x[:, 2]))
    age[rng.random(rows) < 0.03 + 0.04 * difficulty] = -1
    numbers = rng.choice(np.arange(100_000, 999_999), MERCHANTS, replace=False)
    euros = np.round(np.exp(4.6 + 0.7 * rng.normal(size=rows)), 2)
    cents = rng.random(rows) < 0.3
    return pd.DataFrame(
        {
            "merchant": [f"M{number}" for number in numbers[merchant]],
            "amount": np.where(cents, np.round(100 * euros), euros),
            "unit": np.where(cents, "cent", "EUR"),
            "distance_km": np.round(np.exp(2 + x[:, 0]), 1),
            "minutes_since_last": np.round(np.exp(5 + 0.8 * x[:, 1]), 1),
            "account_age_days": age,
            "attempts_score": np.round(50 + 10 * x[:, 3], 1),
            "device_score": np.round(500 + 90 * x[:, 4]),
            "basket_score": np.round(0.5 + 0.1 * x[:, 5], 3),
        }
    )


def pack(rng: np.random.Generator, table: pd.DataFrame, facts: pd.DataFrame) -> Instance:
    """The files: the processor's sample of the past, and payments to decide on."""
    ids = 1_000_000 + rng.permutation(len(table))
    table.insert(0, "id", ids)
    past = (facts["age"] > 0).to_numpy()
    train, seen = table[past].copy(), facts[past]
    train.insert(1, "day", np.datetime_as_string(EXPORT - seen["age"].to_numpy()))
    train["sampled_one_in"] = np.where(seen["known"], 1, KEPT_ONE_IN)
    train["fraud"] = seen["known"].astype(int)
    train["reported_after_days"] = seen["delay"].where(seen["known"])
    train["chargeback_code"] = np.where(seen["known"], rng.choice(CODES, len(train)), None)
    test, risk = table[~past], facts.loc[~past, "risk"].to_numpy()
    euros = (test["amount"] / np.where(test["unit"] == "cent", 100, 1)).to_numpy()
    losses = pd.DataFrame({"id": test["id"], "expected_loss": risk * euros})
    answers = pd.DataFrame({"id": test["id"], "review": (risk * euros > REVIEW).astype(int)})
    return Instance(
        public={
            "train.csv": train.sample(frac=1, random_state=rng),
            "test.csv": test,
            "lab.py": Path(__file__).with_name("lab.py").read_text(encoding="utf-8"),
        },
        private={"losses.csv": losses},
        answers=answers,
        floor=0.0,
        ceiling=1.0,
    )

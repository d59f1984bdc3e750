"""Deliveries day by day, some of which fail; what makes them fail changes with time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "concept": ("drifting", "weekdays"),
    "scans": ("sound", "optimistic"),
    "form": ("bands", "pairs"),
}
"""Whether what makes deliveries fail drifts, and jumps at times, or comes back with the day of the
week; whether drivers' scans are right, or miss failures of one kind; whether what changes is what
each trait counts in a band of its values, or what two traits count together."""

DAYS = {"micro": (40, 20), "small": (60, 20), "full": (250, 50)}
"""Days of the history, and of the stream."""
PER_DAY = 200
SCANNED, AUDITED, SHARE = 1, 2, 0.18
"""After how many days a delivery has its labels, and the share that is audited."""
EXAMPLES = 3
"""Chunks that the agent sees: the last days of the history, as they would have come."""
WEEK = 5
KEEPS, LEAPS, EVERY = 0.99, 0.7, 20
"""How much of a concept stays from one day to the next, how much when it jumps, and after how many
days it does so: a stream has about as many jumps as any other, so no variant is luckier."""
BANDS = (-0.6745, 0.0, 0.6745)
"""Quarters of a standard normal trait."""
TRAITS = (
    "planned_hour",
    "spending_index",
    "parcel_kg",
    "order_eur",
    "window_min",
    "address_score",
)


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    history, stream = DAYS[size]
    day = np.repeat(np.arange(history + stream), PER_DAY)
    x = rng.normal(size=(len(day), len(TRAITS)))
    terms = by_band(x) if structure["form"] == "bands" else x * np.roll(x, 1, axis=1)
    weights = concepts(rng, history + stream, structure["concept"], terms.shape[1])
    lasting = rng.choice([-1, 1], len(TRAITS)) * rng.uniform(0.8, 1.2, len(TRAITS))
    signal = np.einsum("ij,ij->i", terms, weights[day]) + x @ lasting - 0.4
    signal *= 1.6 - 0.8 * difficulty
    chance = 1 / (1 + np.exp(-signal))
    failed = (rng.random(len(day)) < chance).astype(int)
    scan = np.where(rng.random(len(day)) < 0.03, 1 - failed, failed)
    if structure["scans"] == "optimistic":
        missed = (x @ rng.normal(size=len(TRAITS)) > 0) & (rng.random(len(day)) < 0.42)
        scan = np.where(missed, 0, failed)
    table = pd.DataFrame({"id": 10**6 + rng.permutation(len(day)), "day": day + 1, **traits(x)})
    audit = np.where(rng.random(len(day)) < SHARE, failed, np.nan)
    labels = pd.DataFrame({"scan": scan, "audit": audit, "truth": failed})
    return pack(table, labels, chance, history)


def by_band(x: np.ndarray) -> np.ndarray:
    """Whether each trait is in each of its bands, centred: (deliveries, traits times bands)."""
    band = np.searchsorted(BANDS, x)
    share = 1 / (len(BANDS) + 1)  # without it, the mean risk would change from day to day
    return (np.eye(len(BANDS) + 1)[band] - share).reshape(len(x), -1)


def concepts(rng: np.random.Generator, days: int, kind: str, terms: int) -> np.ndarray:
    """The weights of each day."""
    back = WEEK if kind == "weekdays" else 1
    found, first = list(rng.normal(size=(back, terms))), rng.integers(EVERY)
    for day in range(back, days):
        keeps = LEAPS if kind == "drifting" and day % EVERY == first else KEEPS
        fresh = rng.normal(size=terms)
        found.append(keeps * found[-back] + np.sqrt(1 - keeps**2) * fresh)
    weights = np.array(found)
    return weights / np.sqrt((weights**2).mean(axis=1, keepdims=True))


def traits(x: np.ndarray) -> dict[str, np.ndarray]:
    """Deliveries as the dispatcher writes them.

    Plans are in steps of three minutes. Five standard deviations stay within a working day, the
    index and the score above zero, and the arrival within the window of two hours.
    """
    columns = (
        np.round(13.5 + np.round(30 * x[:, 0]) / 20, 2),
        np.round(100 + 12 * x[:, 1]).astype(int),
        np.round(np.exp(1 + 0.5 * x[:, 2]), 2),
        np.round(np.exp(4 + 0.6 * x[:, 3]), 2),
        np.round(60 + 12 * x[:, 4]).astype(int),
        np.round(50 + 9 * x[:, 5], 1),
    )
    return dict(zip(TRAITS, columns, strict=True))


def pack(table: pd.DataFrame, labels: pd.DataFrame, chance: np.ndarray, history: int) -> Instance:
    """The history as it is known on its last evening, example chunks, and the stream."""
    day = table["day"].to_numpy()
    past, asked = day <= history, day > history
    known = table[past].join(labels[["scan", "audit"]].astype("Int64").astype(object))
    known.loc[known["day"] > history - AUDITED, "audit"] = pd.NA
    known.loc[known["day"] > history - SCANNED, "scan"] = pd.NA
    last = range(history - EXAMPLES + 1, history + 1)
    public = {
        "history.csv": known,
        "online.py": Path(__file__).with_name("online.py").read_text(encoding="utf-8"),
        "sample_submission.csv": table.loc[table["day"].isin(last), ["id"]].assign(failed=0.5),
        **chunks(table, labels, last),
    }
    failed = labels["truth"].to_numpy()[asked]
    base = labels["truth"].to_numpy()[past].mean()
    return Instance(
        public=public,
        inputs=chunks(table, labels, range(history + 1, day.max() + 1)),
        answers=table.loc[asked, ["id"]].assign(failed=failed),
        floor=log_loss(failed, np.full(len(failed), base)),
        ceiling=log_loss(failed, chance[asked]),
    )


def chunks(table: pd.DataFrame, labels: pd.DataFrame, days: range) -> dict[str, pd.DataFrame]:
    """For each day the labels that have become known, and its own deliveries.

    Cells are objects, since whole numbers would be written with decimals beside empty cells.
    """
    found = {}
    for number, today in enumerate(days, start=1):
        parts = []
        for state, after in (("scan", SCANNED), ("audit", AUDITED)):
            rows = (table["day"] == today - after) & labels[state].notna()
            label = labels[state][rows].astype(int)
            parts.append(table.loc[rows, ["id"]].assign(state=state, failed=label).astype(object))
        parts.append(table[table["day"] == today].assign(state="new").astype(object))
        columns = ["id", "state", "failed", *table.columns[1:]]
        found[f"stream/{number:04}.csv"] = pd.concat(parts)[columns]
    return found


def log_loss(failed: np.ndarray, chance: np.ndarray) -> float:
    return float(-np.log(np.where(failed == 1, chance, 1 - chance)).mean())

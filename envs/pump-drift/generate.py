"""Readings of a pump: faults of one kind, set points, fouling, and a survey of the past."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "fault": ("shifted", "noisy", "sluggish", "decoupled"),
    "setpoint": ("planned", "reaction"),
    "wander": ("fouling", "none"),
}
"""What a fault does to the readings; whether the set point changes by plan, and the readings with
it, or because operators react to a fault; whether fouling moves the readings while faults are
short, or nothing moves them while faults are long."""

ROWS = {"micro": 5000, "small": 10_000, "full": 60_000}
TEST = 6000
WINDOW = 15
TWINS = 24
RINSE = 200
"""Readings, in which a filter is rinsed."""
EASE = {"fouling": 1.2, "none": 0.56, "planned": 1.2, "reaction": 1.0}
EASE |= {"shifted": 1.15, "noisy": 1.05, "sluggish": 0.95, "decoupled": 0.85}
"""How strong faults are, so that no structure is much easier than another."""
LEVELS = np.array([45, 60, 70, 80, 95])
SENSORS = {  # mean, standard deviation, digits
    "flow": (84.0, 2.4, 2),
    "current": (37.0, 1.1, 3),
    "pressure": (6.4, 0.22, 4),
    "vibration": (2.6, 0.18, 4),
}


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    rows = ROWS[size] + TEST
    strength = (1.35 - 0.7 * difficulty) * float(np.prod([EASE[v] for v in structure.values()]))
    spans = fault_spans(rng, rows, long=structure["wander"] == "none")
    faulty = inside(spans, rows)
    level = levels(rng, rows, spans, structure["setpoint"])
    z = disturbances(rng, rows, spans, structure["fault"], strength)
    z = running(rng, np.concatenate([z[:, None], twins(rng, rows)], 1), level, structure)
    table = sensors(rng, z[:, 0], LEVELS[level], oil(rng, rows, spans, 0.36 - 0.28 * difficulty))
    labels = pd.DataFrame({"reading": table["reading"], "fault": faulty.astype(int)})
    first, end = ROWS[size] // 4, ROWS[size]
    test = slice(end, rows)
    best = informed(z, structure["fault"]) + 20 * hot(table["oil_temp"].to_numpy())
    return Instance(
        public={
            "train.csv": table[:end],
            "test.csv": table[test],
            "survey.csv": labels[first:end],
            "detector.py": Path(__file__).with_name("detector.py").read_text(encoding="utf-8"),
        },
        answers=labels[test],
        floor=float(faulty[test].mean()),
        ceiling=average_precision(faulty[test], best[test]),
        truth={"strength": strength, "spans": [list(map(int, span)) for span in spans]},
    )


def fault_spans(rng: np.random.Generator, rows: int, long: bool) -> list[tuple[int, int]]:
    """The first reading of each fault and the one after its last, counted from 0."""
    spans, at = [], int(rng.integers(60, 120))
    while True:
        length = int(rng.integers(110, 170)) if long else int(rng.integers(30, 50))
        if at + length > rows - 20:
            return spans
        spans.append((at, at + length))
        at += length + int(rng.integers(4, 9) * length * rng.uniform(0.7, 1.3))


def inside(spans: list[tuple[int, int]], rows: int) -> np.ndarray:
    faulty = np.zeros(rows, bool)
    for first, end in spans:
        faulty[first:end] = True
    return faulty


def levels(
    rng: np.random.Generator, rows: int, spans: list[tuple[int, int]], setpoint: str
) -> np.ndarray:
    """The index of the set point of each reading."""
    level, at = np.zeros(rows, int), 0
    low = 0.2 if setpoint == "planned" else 0.05
    share = [low, *[(1 - low) / 4] * 4]
    while at < rows:
        length = int(rng.integers(25, 70))
        level[at : at + length] = rng.choice(5, p=share)
        at += length
    if setpoint == "reaction":
        for first, end in spans:
            if rng.random() < 0.85:
                level[first + int(rng.integers(0, 3)) : end + int(rng.integers(0, 5))] = 0
    return level


def disturbances(
    rng: np.random.Generator,
    rows: int,
    spans: list[tuple[int, int]],
    fault: str,
    strength: float,
) -> np.ndarray:
    """Four standardised series, two and two with a common load, changed while a fault lasts."""
    z = np.empty((rows, 4))
    for pair in (0, 2):
        load, own = rng.normal(size=rows), rng.normal(size=(rows, 2))
        weight = np.full(rows, 0.6)
        for first, end in spans:
            if fault == "decoupled":
                weight[first:end] = max(0.6 - 0.62 * strength, -0.9)
        sign = np.sign(weight)
        z[:, pair] = np.sqrt(abs(weight)) * load + np.sqrt(1 - abs(weight)) * own[:, 0]
        z[:, pair + 1] = sign * np.sqrt(abs(weight)) * load + np.sqrt(1 - abs(weight)) * own[:, 1]
    for first, end in spans:
        span = slice(first, end)
        if fault == "shifted":
            z[span] += rng.choice([-1, 1], 4) * 0.75 * strength
        elif fault == "noisy":
            z[span] *= 1 + 0.5 * strength
        elif fault == "sluggish":
            keep = min(0.8 * strength, 0.95)
            for row in range(first + 1, end):
                z[row] = keep * z[row - 1] + np.sqrt(1 - keep**2) * z[row]
    return z


def twins(rng: np.random.Generator, rows: int) -> np.ndarray:
    """What a pump without faults might have read: (rows, TWINS, 4)."""
    shape = (rows, TWINS, 2)
    load, own = rng.normal(size=shape).repeat(2, axis=2), rng.normal(size=(rows, TWINS, 4))
    return np.sqrt(0.6) * load + np.sqrt(0.4) * own


def running(
    rng: np.random.Generator, z: np.ndarray, level: np.ndarray, structure: dict[str, str]
) -> np.ndarray:
    """What set points and fouling make of the disturbances, of the pump and of its twins."""
    mean = np.zeros((len(z), 1, 4))
    if structure["setpoint"] == "planned":
        z, by_setpoint = by_level(rng, z, level)
        mean = mean + by_setpoint
    if structure["wander"] == "fouling":
        z, drift = fouled(rng, z)
        mean = mean + drift
    return z + mean


def by_level(
    rng: np.random.Generator, z: np.ndarray, level: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the set point does to the readings: to their spread, pace and common part, and mean."""
    mean = np.stack([rng.permutation(np.linspace(-2.2, 2.2, 5)) for _ in range(4)], 1)
    spread = np.exp(rng.permutation(np.linspace(-0.6, 0.6, 5)))
    own = rng.permutation(np.linspace(0.0, 0.72, 5))
    keep = rng.permutation(np.linspace(0.0, 0.75, 5))
    moved = slowed(z, keep[level]) + own[level][:, None, None] * rng.normal(size=z.shape)
    return moved * spread[level][:, None, None], mean[level][:, None]


def fouled(rng: np.random.Generator, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What fouling, which grows until the filter is rinsed, does to spread and pace, and mean."""
    rows = len(z)
    dirt, at = np.empty(rows), -int(rng.integers(0, 600))
    while at < rows:
        length = int(rng.integers(700, 1100))
        ramp = np.r_[np.linspace(0, 1, length - RINSE) ** 1.3, np.linspace(1, 0, RINSE)]
        dirt[max(at, 0) : at + length] = ramp[max(-at, 0) :][: max(rows - max(at, 0), 0)]
        at += length
    way, turn = rng.choice([-1, 1], 4), rng.choice([-1, 1])
    dirt = dirt[:, None, None]
    keep = 0.7 * (dirt if turn > 0 else 1 - dirt)
    moved = slowed(z, keep.ravel()) + 0.8 * (1 - dirt) * rng.normal(size=z.shape)
    return moved * np.exp(0.9 * turn * (dirt - 0.5)), 3.2 * dirt * way


def slowed(z: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Each reading keeps a part of the one before."""
    out, last = np.empty_like(z), np.zeros(z.shape[1:])
    for row, part in enumerate(keep):
        last = part * last + np.sqrt(1 - part**2) * z[row]
        out[row] = last
    return out


def oil(
    rng: np.random.Generator, rows: int, spans: list[tuple[int, int]], share: float
) -> np.ndarray:
    """The oil's temperature, which rises in the last part of a fault."""
    temperature = 48 + 2 * np.sin(2 * np.pi * np.arange(rows) / 144) + rng.normal(0, 0.8, rows)
    for first, end in spans:
        start = end - max(2, int(share * (end - first)))
        temperature[start:end] += np.linspace(3, 12, end - start)
    return temperature


def sensors(
    rng: np.random.Generator, z: np.ndarray, setpoint: np.ndarray, temperature: np.ndarray
) -> pd.DataFrame:
    """The readings in their units, with what the telemetry loses."""
    rows = len(z)
    table = pd.DataFrame({"reading": np.arange(1, rows + 1), "setpoint": setpoint})
    for column, (name, (mean, spread, digits)) in enumerate(SENSORS.items()):
        scale = np.exp(rng.normal(0, 0.15))
        table[name] = np.round(mean * scale + spread * scale * z[:, column], digits)
    table["oil_temp"] = np.round(temperature, 1)
    for name in SENSORS:
        table.loc[rng.random(rows) < 0.004, name] = -999.0
        table.loc[rng.random(rows) < 0.004, name] = np.nan
    return table


def informed(z: np.ndarray, fault: str) -> np.ndarray:
    """How faulty each reading looks to one who knows what is normal at that very reading.

    What is normal comes from the twins: of the readings, and then of the statistic of a window.
    """
    normal = z[:, 1:]
    z = (z - normal.mean(1, keepdims=True)) / normal.std(1, keepdims=True)
    statistics = np.stack([statistic(z[:, twin], fault) for twin in range(z.shape[1])], 1)
    normal = statistics[:, 1:]
    return (statistics[:, 0] - smooth(normal.mean(1))) / np.sqrt(smooth(normal.var(1)))


def statistic(z: np.ndarray, fault: str) -> np.ndarray:
    """The statistic of a moving window that shows this kind of fault."""
    a, b = z[:, ::2], z[:, 1::2]
    if fault == "shifted":
        each = abs(smooth(a)) + abs(smooth(b))
    elif fault == "noisy":
        each = np.log(smooth(a * a) + smooth(b * b))
    elif fault == "sluggish":
        steps = smooth(np.diff(a, axis=0, prepend=0) ** 2 + np.diff(b, axis=0, prepend=0) ** 2)
        each = -np.log(steps)
    else:
        a, b = a - smooth(a), b - smooth(b)
        each = -smooth(a * b) / np.sqrt(smooth(a * a) * smooth(b * b))
    return each.sum(1)


def smooth(x: np.ndarray) -> np.ndarray:
    """The mean of a centred window of readings."""
    half = WINDOW // 2
    padded = np.pad(x, [(half + 1, half), *[(0, 0)] * (x.ndim - 1)], mode="edge").cumsum(0)
    return (padded[WINDOW:] - padded[:-WINDOW]) / WINDOW


def hot(temperature: np.ndarray) -> np.ndarray:
    return (temperature - np.median(temperature) > 5).astype(float)


def average_precision(truth: np.ndarray, score: np.ndarray) -> float:
    hits = truth[np.argsort(-score, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())

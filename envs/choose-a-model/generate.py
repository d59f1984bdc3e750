"""Forecasts of six models at many depots, from an archive that may deceive about each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "reissued": ("outage", "hindsight"),
    "market": ("steady", "moved"),
    "wild": ("sent", "garbled"),
}
"""Whether forecasts were issued a second time after an outage, which happens in operation, too, or
with the outcome at hand; whether the models' errors changed halfway; whether forecasts that are far
off were sent like that, or garbled in the archive alone."""

DAYS = {"micro": 120, "small": 200, "full": 730}
AUDITED, OPEN = 50, 110
MODELS = tuple("ABCDEF")
START = np.datetime64("2024-03-04")


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    days, shape = DAYS[size], (AUDITED + OPEN, len(MODELS))
    depots = rng.permutation(np.arange(100, 1000))[: shape[0]]
    level = np.exp(rng.normal(6.5, 0.4) + rng.normal(0.0, 0.5, shape[0]))[:, None]
    usual = 0.08 * level * np.exp(0.25 * rng.normal(size=shape))
    before = usual * np.exp((0.3 + 0.6 * difficulty) * rng.normal(size=shape))
    if structure["market"] == "steady":
        before = usual
    again = rng.uniform(0.05, 0.7, shape)
    factor = np.exp((0.4 + 0.5 * difficulty) * rng.normal(size=shape))
    if structure["reissued"] == "hindsight":
        factor = np.full(shape, 0.5 - 0.4 * difficulty)
    wild = rng.uniform(0.0, 0.16, shape)
    far = (0.25 + 0.3 * difficulty) * level

    late = (np.arange(days) >= days // 2)[None, :, None]
    scale = np.where(late, usual[:, None], before[:, None])
    reissued = rng.random(scale.shape) < again[:, None]
    scale = scale * np.where(reissued, factor[:, None], 1.0)
    error = errors(rng, scale, wild, far)
    risk = usual * np.sqrt(2 / np.pi)
    if structure["reissued"] == "outage":
        risk = risk * (1 + again * (factor - 1))
    if structure["wild"] == "sent":
        risk = risk * (1 - wild) + wild * far
    return pack(rng, depots, archive_of(rng, depots, level, error, reissued), risk)


def errors(
    rng: np.random.Generator, scale: np.ndarray, wild: np.ndarray, far: np.ndarray
) -> np.ndarray:
    """Errors of that scale by depot, day and model; a share ``wild`` of them is off by ``far``."""
    error = scale * rng.normal(size=scale.shape)
    off = rng.random(scale.shape) < wild[:, None]
    sign = rng.choice([-1, 1], scale.shape)
    return error + off * sign * far[:, None] * rng.uniform(0.7, 1.3, scale.shape)


def archive_of(
    rng: np.random.Generator,
    depots: np.ndarray,
    level: np.ndarray,
    error: np.ndarray,
    reissued: np.ndarray,
) -> pd.DataFrame:
    """A row for each depot and day: its parcels, every model's forecast, and which came again."""
    count, days = error.shape[:2]
    week = 1 + 0.15 * np.sin(2 * np.pi * np.arange(days) / 7)
    parcels = np.rint(level * week * np.exp(0.1 * rng.normal(size=(count, days))))
    forecast = (
        np.maximum(np.rint(parcels[:, :, None] + error), 0).astype(int).reshape(-1, len(MODELS))
    )
    letters = np.array(MODELS)
    flags = reissued.reshape(-1, len(MODELS))
    return pd.DataFrame(
        {
            "depot": np.repeat(depots, days),
            "day": np.tile(np.datetime_as_string(START + np.arange(days)), count),
            "parcels": parcels.ravel().astype(int),
            **dict(zip(MODELS, forecast.T, strict=True)),
            "reissued": ["".join(letters[row]) for row in flags],
        }
    )


def pack(
    rng: np.random.Generator, depots: np.ndarray, archive: pd.DataFrame, risk: np.ndarray
) -> Instance:
    """The archive, the audit of some depots, and the answers for the others."""
    table = pd.DataFrame(risk.round(2), columns=list(MODELS))
    table.insert(0, "depot", depots)
    hidden = table.tail(OPEN).iloc[rng.permutation(OPEN)]
    best = hidden[list(MODELS)].to_numpy()
    answers = hidden[["depot"]].assign(
        model=np.array(MODELS)[best.argmin(axis=1)], expected_error=best.min(axis=1)
    )
    return Instance(
        public={
            "archive.csv": archive.sort_values(["depot", "day"]),
            "audit.csv": table.head(AUDITED).sort_values("depot"),
            "depots.csv": hidden[["depot"]],
            "choose.py": Path(__file__).with_name("choose.py").read_text(encoding="utf-8"),
        },
        answers=answers,
        private={"risk.csv": hidden},
        sample=answers.assign(
            model=MODELS[0], expected_error=float(np.median(table[list(MODELS)]))
        ),
        floor=cost_of_knowing_nothing(best),
        ceiling=0.0,
    )


def cost_of_knowing_nothing(risk: np.ndarray) -> float:
    """Of any model, chosen by lot, and the median error of all as the claim."""
    regret = risk / risk.min(axis=1, keepdims=True) - 1
    claim = np.abs(np.log(np.median(risk) / risk))
    return float((regret + 0.5 * claim).mean())

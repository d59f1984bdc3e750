"""Spectra, a frozen network and few labels; what the network expects and tells is drawn."""

import io
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "normalisation": ("channel", "spectrum"),
    "layer": ("early", "last"),
    "classes": ("linear", "clustered"),
    "sessions": ("shifted", "unequal"),
}
LABELLED = {"micro": 200, "small": 320, "full": 1200}
UNLABELLED = {"micro": 800, "small": 2000, "full": 20_000}
TEST = 2500
CLASSES = ("sound", "broken", "mouldy", "sprouted")
CHANNELS, EARLY, LAST = 48, 36, 8
SESSIONS, CLUSTERS = 8, 24


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    counts = (LABELLED[size], UNLABELLED[size], TEST)
    rows = sum(counts)
    network = draw_network(rng)
    told, clean, label = draw_classes(rng, rows, structure["classes"], difficulty)
    session = rng.integers(0, SESSIONS, rows)
    if structure["sessions"] == "shifted":
        told = told + 1.1 * rng.normal(size=(SESSIONS, LAST))[session]
    else:
        mix = rng.dirichlet(np.full(SESSIONS, 0.25), len(CLASSES))
        session = np.array([rng.choice(SESSIONS, p=mix[each]) for each in label])
    early = hidden_layer(rng, network, told, structure["layer"])
    spectra = to_spectra(rng, network, early, structure["normalisation"])
    guess = np.bincount(label[-TEST:]).max() / TEST
    table = pd.DataFrame({"session": session + 1, "kind": np.array(CLASSES)[label]})
    return pack(rng, table, spectra, network, counts, guess, (clean == label)[-TEST:].mean())


def draw_network(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Two layers, how bright the lamp is, and how the maker's instrument was calibrated."""
    channel = np.arange(CHANNELS)
    level = rng.uniform(600, 5000)
    dark = level + 500 * np.sin(channel / rng.uniform(6, 12) + rng.uniform(0, 6))
    return {
        "w1": np.linalg.qr(rng.normal(size=(CHANNELS, CHANNELS)))[0][:, :EARLY],
        "w2": np.linalg.qr(rng.normal(size=(EARLY, EARLY)))[0][:, :LAST],
        "level": np.array(level),
        "dark": np.round(dark),
        "span": np.round(300 * np.exp(rng.uniform(-1.5, 1.2, CHANNELS))),
    }


def draw_classes(
    rng: np.random.Generator, rows: int, kind: str, difficulty: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What tells the classes, the class it tells, and the class on record."""
    if kind == "linear":
        told = rng.normal(size=(rows, LAST))
        heads = np.linalg.qr(rng.normal(size=(LAST, LAST)))[0][:, : len(CLASSES)]
        clean = (told @ heads).argmax(1)
        told += 0.55 * heads.T[clean]
    else:
        cluster = rng.integers(0, CLUSTERS, rows)
        told = 1.2 * rng.normal(size=(CLUSTERS, LAST))[cluster]
        told += 0.3 * rng.normal(size=(rows, LAST))
        clean = rng.permutation(np.arange(CLUSTERS) % len(CLASSES))[cluster]
    wrong = rng.random(rows) < 0.02 + 0.12 * difficulty
    other = (clean + rng.integers(1, len(CLASSES), rows)) % len(CLASSES)
    return told, clean, np.where(wrong, other, clean)


def hidden_layer(
    rng: np.random.Generator, network: dict[str, np.ndarray], told: np.ndarray, layer: str
) -> np.ndarray:
    """The early layer's values: the last layer sees a part of them, and not the rest."""
    rest = np.linalg.svd(network["w2"].T)[2][LAST:].T
    turn = np.linalg.qr(rng.normal(size=(rest.shape[1], rest.shape[1])))[0][:, :LAST]
    if layer == "last":
        seen, unseen = told, 1.0 * rng.normal(size=(len(told), rest.shape[1]))
    else:
        seen = 0.6 * rng.normal(size=told.shape)
        unseen = told @ turn.T + 0.15 * rng.normal(size=(len(told), rest.shape[1]))
    return np.clip(0.25 * (seen @ network["w2"].T + unseen @ rest.T), -0.98, 0.98)


def to_spectra(
    rng: np.random.Generator, network: dict[str, np.ndarray], early: np.ndarray, kind: str
) -> np.ndarray:
    """Counts by channel for which the network, rightly used, gives these early values."""
    x = np.arctanh(early) @ network["w1"].T
    unseen = np.linalg.svd(network["w1"].T)[2][EARLY:].T
    # What the network doesn't see makes each spectrum's mean 0 and its standard deviation 1.
    level = unseen @ unseen.sum(0)
    x -= (x.sum(1) / level.sum())[:, None] * level
    flat = np.linalg.svd(unseen.sum(0)[None])[2][1:].T
    rest = rng.normal(size=(len(x), flat.shape[1])) @ (unseen @ flat).T
    missing = np.maximum(CHANNELS - (x**2).sum(1), 1)
    x += rest * np.sqrt(missing / (rest**2).sum(1))[:, None]
    if kind == "channel":
        counts = network["dark"] + network["span"] * x
    else:
        gain, offset = np.exp(0.5 * rng.normal(size=len(x))), 1.5 * rng.normal(size=len(x))
        counts = network["level"] + 400 * (gain[:, None] * x + offset[:, None])
    return np.clip(np.round(counts), -32_000, 32_000).astype("<i2")


def pack(
    rng: np.random.Generator,
    table: pd.DataFrame,
    spectra: np.ndarray,
    network: dict[str, np.ndarray],
    counts: tuple[int, ...],
    floor: float,
    ceiling: float,
) -> Instance:
    """The files; spectra stand in a random order that the tables name."""
    place = rng.permutation(len(table))
    stored = np.empty_like(spectra)
    stored[place] = spectra
    table.insert(0, "id", 10_000 + rng.permutation(len(table)))
    table.insert(1, "row", place)
    first, second = counts[0], counts[0] + counts[1]
    test = table[second:].reset_index(drop=True)
    return Instance(
        public={
            "train.csv": table[:first],
            "unlabelled.csv": table[first:second].drop(columns="kind"),
            "test.csv": test.drop(columns="kind"),
            "spectra.npy": array_file(stored),
            "network/w1.npy": array_file(network["w1"].astype("<f4")),
            "network/w2.npy": array_file(network["w2"].astype("<f4")),
            "network/calibration.npy": array_file(
                np.stack([network["dark"], network["span"]]).astype("<f4")
            ),
            "lab.py": Path(__file__).with_name("lab.py").read_text(encoding="utf-8"),
        },
        answers=test[["id", "kind"]],
        floor=floor,
        ceiling=ceiling,
    )


def array_file(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()

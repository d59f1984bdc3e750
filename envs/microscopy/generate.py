"""Small images of cells; their contrast, light, outlines and the order of pixels are drawn."""

import io
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "contrast": ("bright", "dark"),
    "light": ("even", "oblique"),
    "outline": ("core", "body"),
    "order": ("rows", "columns"),
}
ANNOTATED = {"micro": 60, "small": 200, "full": 4000}
TEST = 400
SIDE = 24
FEWEST, RANGE = (1, 4), 3
"""How many cells a variant's emptiest tiles have, from and to, and how many more the fullest do. It
is drawn, as is the cells' size: otherwise the length of masks would tell what was outlined."""
CORE, RIM = 0.6, 0.5
"""Radius of a cell's core, as a share of the cell's; how strongly its rim shows."""


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    count = ANNOTATED[size] + TEST
    shown, masks, clean = draw_cells(rng, count, structure["outline"])
    images = photograph(rng, shown, structure, 4 + 12 * difficulty)
    flip = structure["order"] == "columns"
    written = [runs(mask.T if flip else mask) for mask in masks]
    ids = 1000 + rng.permutation(count)
    table = pd.DataFrame({"id": ids, "mask": written})
    known = ANNOTATED[size]
    test = table[known:].reset_index(drop=True)
    return Instance(
        public={
            "train.csv": table[:known],
            "test.csv": test[["id"]],
            "train_images.npy": array_file(images[:known]),
            "test_images.npy": array_file(images[known:]),
            "segment.py": Path(__file__).with_name("segment.py").read_text(encoding="utf-8"),
        },
        answers=test,
        floor=dice(masks[known:], np.ones_like(masks[known:])),
        ceiling=dice(masks[known:], clean[known:]),
    )


def draw_cells(
    rng: np.random.Generator, count: int, outline: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How strongly each pixel shows a cell, what annotators outlined, and what they meant to."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    shown = np.zeros((count, SIDE, SIDE))
    masks, clean = np.zeros((2, count, SIDE, SIDE), bool)
    crowd = rng.uniform(4, SIDE - 5, (count, 2))
    there = rng.integers(0, RANGE + 1, count) + rng.integers(FEWEST[0], FEWEST[1] + 1)
    scale = rng.uniform(0.85, 1.15)
    edge = CORE if outline == "core" else 1.0
    for cell in range(FEWEST[1] + RANGE):
        middle = np.clip(crowd + 4.5 * rng.normal(size=(count, 2)), 2, SIDE - 3)
        long, short = scale * rng.uniform(3.2, 5.2, count), scale * rng.uniform(2.6, 3.6, count)
        turn, slip = rng.uniform(0, np.pi, count), 1 + 0.05 * rng.normal(size=count)
        dx, dy = x - middle[:, 0, None, None], y - middle[:, 1, None, None]
        cos, sin = np.cos(turn)[:, None, None], np.sin(turn)[:, None, None]
        far = np.hypot(
            (dx * cos + dy * sin) / long[:, None, None],
            (dy * cos - dx * sin) / short[:, None, None],
        )
        far[there <= cell] = 9.0
        shown = np.maximum(shown, np.where(far < CORE, 1.0, RIM * (far < 1)))
        masks |= far < edge * slip[:, None, None]
        clean |= far < edge
    return shown, masks, clean


def photograph(
    rng: np.random.Generator, shown: np.ndarray, structure: dict[str, str], noise: float
) -> np.ndarray:
    """Images of 8 bits: each has its own exposure."""
    count = len(shown)
    sign = 1 if structure["contrast"] == "bright" else -1
    across = np.linspace(-1, 1, SIDE)
    turn = rng.uniform(0, 2 * np.pi, count)[:, None, None]
    slope = np.cos(turn) * across + np.sin(turn) * across[:, None]
    strength = 38 if structure["light"] == "oblique" else 0
    level = 128 + 12 * rng.normal(size=count)[:, None, None]
    gain = 50 * np.exp(0.15 * rng.normal(size=count))[:, None, None]
    image = level + sign * gain * (shown - 0.3) + strength * slope
    image += noise * rng.normal(size=image.shape)
    return np.clip(np.round(image), 0, 255).astype("u1")


def runs(mask: np.ndarray) -> str:
    """Start and length of each run of pixels, numbered from 1 row by row."""
    padded = np.concatenate([[False], mask.ravel(), [False]])
    ends = np.flatnonzero(padded[1:] != padded[:-1]) + 1
    ends[1::2] -= ends[::2]
    return " ".join(map(str, ends))


def dice(truth: np.ndarray, predicted: np.ndarray) -> float:
    both = (truth & predicted).sum((1, 2))
    return float((2 * both / (truth.sum((1, 2)) + predicted.sum((1, 2)))).mean())


def array_file(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()

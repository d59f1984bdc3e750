"""A network of three layers that has to become small; what its matrices are like is drawn."""

import io
from pathlib import Path

import numpy as np

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "first": ("sparse", "rank"),
    "second": ("sparse", "rank"),
    "units": ("balanced", "unbalanced"),
    "load": ("first", "second"),
}
"""What the matrix of each layer is made of, whether its units have one scale, and which of the two
layers needs more to be told."""
RECORDINGS = {"micro": 600, "small": 2000, "full": 20_000}
TEST = 2500
INPUTS, UNITS = 32, 64
KEPT = {"heavy": 7, "light": 3}
RANK = {"heavy": (13, 10), "light": (5, 4)}
"""Weights in a row of a sparse matrix, and the ranks of the two layers' matrices."""


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    rows = RECORDINGS[size] + TEST
    x = rng.normal(size=(rows, INPUTS)).astype("<f4")
    network = draw_network(rng, structure, 0.04 + 0.12 * difficulty, 0.4 + 0.5 * difficulty)
    clean = output(network, x)
    scale = 45 / clean.std()
    network["w3"] = network["w3"] * scale
    network["b3"] = np.array([180 - clean.mean() * scale])
    clean = 180 + (clean - clean.mean()) * scale
    y = (clean + NOISE * rng.normal(size=rows)).astype("<f4")
    return pack(network, x, y, clean)


NOISE = 12.0


def draw_network(
    rng: np.random.Generator, structure: dict[str, str], rest: float, bent: float
) -> dict[str, np.ndarray]:
    """Matrices that are sparse or of low rank, but for a rest that they have beside it.

    Of what the output has in common with a linear function of the inputs, the share ``bent`` is
    taken out.
    """
    load = {name: "heavy" if structure["load"] == name else "light" for name in ("first", "second")}
    w1 = draw_matrix(rng, structure["first"], load["first"], (UNITS, INPUTS), 0, rest)
    w2 = draw_matrix(rng, structure["second"], load["second"], (UNITS, UNITS), 1, rest)
    b1, b2 = 0.3 * rng.normal(size=(2, UNITS))
    w3 = rng.choice([-1, 1], UNITS) * rng.uniform(0.5, 1.5, UNITS)
    x = rng.normal(size=(2000, INPUTS))
    last = np.maximum(np.maximum(x @ w1.T + b1, 0) @ w2.T + b2, 0)
    linear = np.linalg.qr(last.T @ x)[0]
    w3 -= bent * linear @ (linear.T @ w3)
    spread = 1.5 if structure["units"] == "unbalanced" else 0.0
    one, two = (2.0 ** rng.uniform(-spread, spread, UNITS) for _ in range(2))
    return {
        "w1": one[:, None] * w1,
        "b1": one * b1,
        "w2": two[:, None] * w2 / one,
        "b2": two * b2,
        "w3": w3 / two,
    }


def draw_matrix(
    rng: np.random.Generator,
    kind: str,
    load: str,
    shape: tuple[int, int],
    layer: int,
    rest: float,
) -> np.ndarray:
    """A matrix whose rows have length 1 or so."""
    rows, columns = shape
    if kind == "sparse":
        at = rng.permuted(np.tile(np.arange(columns), (rows, 1)), axis=1)[:, : KEPT[load]]
        matrix = np.zeros(shape)
        values = rng.choice([-1, 1], at.shape) * rng.uniform(0.5, 1.5, at.shape)
        np.put_along_axis(matrix, at, values, 1)
    else:
        rank = RANK[load][layer]
        matrix = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, columns))
    matrix /= np.linalg.norm(matrix, axis=1)[:, None]
    return matrix + rest * rng.normal(size=shape) / np.sqrt(columns)


def output(network: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    hidden = np.maximum(x @ network["w1"].T + network["b1"], 0)
    hidden = np.maximum(hidden @ network["w2"].T + network["b2"], 0)
    return hidden @ network["w3"]


def pack(
    network: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray, clean: np.ndarray
) -> Instance:
    """The files; on the controller all public ones but the readings are empty."""
    test, known = y[-TEST:], len(y) - TEST
    file = io.BytesIO()
    np.savez(file, **{name: value.astype("<f4") for name, value in network.items()})
    public = {
        "network.npz": file.getvalue(),
        "train_x.npy": array_file(x[:known]),
        "train_y.npy": array_file(y[:known]),
        "press.py": Path(__file__).with_name("press.py").read_text(encoding="utf-8"),
    }
    return Instance(
        public={**public, "readings.npy": array_file(x[:20])},
        inputs={**dict.fromkeys(public, ""), "readings.npy": array_file(x[-TEST:])},
        private={"nox.npy": array_file(test)},
        floor=float(test.std()),
        ceiling=rmse(test, clean[-TEST:]),
    )


def rmse(truth: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.sqrt(((truth - predicted) ** 2).mean()))


def array_file(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()

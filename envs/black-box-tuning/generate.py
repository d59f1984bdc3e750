"""Jobs whose training has four parameters; how the loss depends on them is drawn."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

from .surrogate import PLACES, SETTINGS, gram, search

STRUCTURES = {
    "effects": ("single", "joint"),
    "surface": ("smooth", "rugged"),
    "matters": ("tree", "penalty"),
}
PAST = {"micro": 48, "small": 64, "full": 200}
JOBS = 48
"""To be tuned."""
ROUNDS, TRAININGS = 12, 3
"""How often a setting may be asked for in each job; trainings on record with each setting."""
TOOLBOX = ("tuner.py", "surrogate.py")
MEAN, SPREAD = 100.0, 10.0
STRETCHES = (1.0, 1.4)
"""Of the reach, for the searches of which the better one is the best that can be had: where there
are few rounds, who takes a loss for smoother than it is finds more."""
GUESSES = 40
"""Random searches for each job, to know what they reach."""


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    reach = 2.0 * (6.0 if structure["surface"] == "smooth" else 0.3) ** difficulty
    share = 0.7 + 0.4 * difficulty - 0.14 * difficulty**2
    tree, noise = share if structure["matters"] == "tree" else 1 - share, 0.2 + 0.4 * difficulty
    count = PAST[size] + JOBS
    losses = np.stack([draw_losses(rng, structure["effects"], reach, tree) for _ in range(count)])
    single = losses[..., None] + noise * rng.normal(size=(*losses.shape, TRAININGS))
    numbers = rng.permutation(np.arange(1000, 9999))[:count]
    names = np.array([f"J{number}" for number in numbers])
    past, new = slice(None, PAST[size]), slice(PAST[size], None)
    surrogates = [gram(structure["effects"], stretch * reach, tree) for stretch in STRETCHES]
    best = [search(asking(single[new]), JOBS, ROUNDS, each, noise) for each in surrogates]
    return Instance(
        public={
            "stream/jobs.txt": "\n".join(names[past]),
            "past_jobs.csv": settled(names[past], losses[past]),
            "replies.csv": replies(names[past], single[past]),
            **{name: Path(__file__).with_name(name).read_text() for name in TOOLBOX},
        },
        inputs={
            "stream/jobs.txt": "\n".join(names[new]),
            "replies.csv": replies(names[new], single[new]),
        },
        private={"losses.csv": settled(names[new], losses[new])},
        floor=SPREAD * random_search(rng, losses[new], single[new]),
        ceiling=SPREAD * min(float(regret(losses[new], each).mean()) for each in best),
        truth={"reach": reach, "noise": noise},
    )


def draw_losses(rng: np.random.Generator, effects: str, reach: float, tree: float) -> np.ndarray:
    """One job's loss by setting, with mean 0 and standard deviation 1."""
    roots = [
        np.linalg.cholesky(np.exp(-0.5 * ((at[:, None] - at) / reach) ** 2) + 1e-6 * np.eye(5))
        for at in PLACES
    ]
    parts = []
    for one, two in (roots[:2], roots[2:]):
        if effects == "single":
            part = (one @ rng.normal(size=5))[:, None] + two @ rng.normal(size=5)
        else:
            part = one @ rng.normal(size=(5, 5)) @ two.T
        parts.append((part - part.mean()).ravel() / part.std())
    return np.sqrt(tree) * np.repeat(parts[0], 25) + np.sqrt(1 - tree) * np.tile(parts[1], 25)


def asking(single: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """What :func:`search` asks: the trainings on record, in turn."""
    rows, turn = np.arange(len(single)), np.zeros(single.shape[:2], int)

    def ask(chosen: np.ndarray) -> np.ndarray:
        found = single[rows, chosen, turn[rows, chosen] % TRAININGS]
        turn[rows, chosen] += 1
        return found

    return ask


def regret(losses: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return losses[np.arange(len(losses)), chosen] - losses.min(1)


def random_search(rng: np.random.Generator, losses: np.ndarray, single: np.ndarray) -> float:
    """The mean regret of the best of as many random settings, by one training of each."""
    rows, found = np.arange(len(losses)), []
    for _ in range(GUESSES):
        tried = rng.integers(0, len(SETTINGS), (len(losses), ROUNDS))
        best = single[rows[:, None], tried, 0].argmin(1)
        found.append(regret(losses, tried[rows, best]).mean())
    return float(np.mean(found))


def settled(names: np.ndarray, losses: np.ndarray) -> pd.DataFrame:
    """What many trainings with each setting have come to."""
    return pd.DataFrame(
        {
            "job": np.repeat(names, len(SETTINGS)),
            "setting": SETTINGS * len(names),
            "loss": np.round(MEAN + SPREAD * losses.ravel(), 2),
        }
    )


def replies(names: np.ndarray, single: np.ndarray) -> str:
    """Every training on record, by job and setting."""
    asks = [f"{name} {setting}" for name in names for setting in SETTINGS]
    values = (MEAN + SPREAD * single.reshape(len(asks), -1)).tolist()
    lines = [f"{ask},{x:.2f}" for ask, row in zip(asks, values, strict=True) for x in row]
    return "\n".join(["ask,reply", *lines, ""])

"""Applicants for paid apprenticeships; which differences in the records are real is drawn."""

from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "offices": ("differ", "misrecord"),
    "trades": ("differ", "misrecord"),
    "interview": ("valid", "language"),
}
"""Whether offices, and trades, differ in who completes or in whose completion they record (bias in
labels, by way of two columns that tell the origin); whether interviews tell anything about those
from abroad (bias in a feature). The records look the same whatever is true: only the audit tells,
and it is too small to learn the rest from it."""

ROWS = {"micro": 5000, "small": 8000, "full": 60_000}
AUDIT = {"micro": 1500, "small": 2000, "full": 4000}
TEST = 3000
WORTH, PLACE = 20_000.0, 13_000.0
"""Euros that a completed apprenticeship is worth, and that a place costs."""
FREE, FINE = 0.05, 60.0
"""The gap that is allowed, and the euros for each applicant that a point more costs."""
MARGIN = 0.02
"""How far the best decisions stay below that gap, since parts of the test are graded, too."""
ABROAD = 0.45
OFFICES, TRADES = 80, 80
OWN = 0.9
"""Standard deviation, in logits, of what is peculiar to an office or a trade."""
HIDDEN = 1.2
"""Standard deviation, in logits, of what matters and is written down nowhere."""
SKILL, MONTHS, LOWER = 1.4, -1.0, 0.6
"""In logits: what a standard deviation of skill and of months without work matters, and by how many
standard deviations the interviews of those from abroad are lower."""


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    world = World(rng, structure, 0.3 + 1.2 * difficulty)
    tables = [world.applicants(count) for count in (ROWS[size], AUDIT[size], TEST)]
    history, audit, test = tables
    history["completed"] = world.outcome(history["recorded"])
    audit["completed"] = world.outcome(audit["odds"])
    ids = 10_000 + rng.permutation(sum(map(len, tables)))
    for table in tables:
        table.insert(0, "applicant", ids[: len(table)])
        ids = ids[len(table) :]
    admit = best_admissions(test["chance"].to_numpy(), test["origin"].eq("abroad").to_numpy())
    hidden = ["chance", "odds", "recorded"]
    return Instance(
        public={
            "history.csv": history.drop(columns=hidden),
            "audit.csv": audit.drop(columns=hidden),
            "test.csv": test.drop(columns=hidden),
            "lab.py": Path(__file__).with_name("lab.py").read_text(encoding="utf-8"),
        },
        private={"chances.csv": test[["applicant", "origin", "chance"]]},
        answers=test[["applicant"]].assign(admit=admit),
        floor=0.0,
        ceiling=1.0,
    )


class World:
    """How applicants come about, and what is recorded of them."""

    def __init__(self, rng: np.random.Generator, structure: dict[str, str], steep: float) -> None:
        self._rng, self._structure = rng, structure
        self._offices = Places(rng, OFFICES, 101, steep)
        self._trades = Places(rng, TRADES, 501, steep)
        self._weights = rng.uniform(0.3, 0.6, 2) * rng.choice([-1, 1], 2)

    def applicants(self, count: int) -> pd.DataFrame:
        """Applicants, with the chance of completing by all that is written down."""
        rng, structure = self._rng, self._structure
        x = rng.normal(size=(count, 6))
        abroad = rng.random(count) < ABROAD
        office, trade = self._offices.chosen(abroad), self._trades.chosen(abroad)
        rating = x[:, 0] - LOWER * abroad
        common = MONTHS * x[:, 1] + x[:, 2:4] @ self._weights
        by_office, by_trade = self._offices.effect[office], self._trades.effect[trade]
        blind = abroad & (structure["interview"] == "language")
        known = common + SKILL * np.where(blind, 0, rating)
        known += by_office * (structure["offices"] == "differ")
        known += by_trade * (structure["trades"] == "differ")
        unknown, hidden = HIDDEN**2 + SKILL**2 * blind, HIDDEN * x[:, 5]
        return pd.DataFrame(
            {
                "origin": np.where(abroad, "abroad", "local"),
                "office": self._offices.numbers[office],
                "trade": self._trades.numbers[trade],
                "interview": np.round(60 + 12 * rating, 1),
                "months_without_work": np.round(np.exp(2 + 0.7 * x[:, 1]), 1),
                "school_years": np.round(10.5 + 1.5 * x[:, 2], 1),
                "age": np.round(24 + 4 * x[:, 3], 1),
                # A normal number of this variance is averaged over, nearly.
                "chance": sigmoid(known / np.sqrt(1 + np.pi / 8 * unknown)),
                "odds": known + SKILL * np.where(blind, x[:, 4], 0) + hidden,
                "recorded": common + by_office + by_trade + SKILL * rating + hidden,
            }
        )

    def outcome(self, odds: pd.Series) -> np.ndarray:
        return (self._rng.random(len(odds)) < sigmoid(odds.to_numpy())).astype(int)


class Places:
    """Offices or trades: those to which more come from abroad have fewer recorded completions."""

    def __init__(self, rng: np.random.Generator, count: int, first: int, steep: float) -> None:
        self._rng = rng
        self._abroad = rng.permutation(np.linspace(-1, 1, count))
        self.effect = OWN * rng.normal(size=count) - steep * self._abroad
        self.numbers = first + rng.permutation(3 * count)[:count]

    def chosen(self, abroad: np.ndarray) -> np.ndarray:
        """A place for each applicant."""
        found = np.empty(len(abroad), int)
        for sign, own in ((1, abroad), (-1, ~abroad)):
            share = np.exp(0.8 * sign * self._abroad)
            found[own] = self._rng.choice(len(share), own.sum(), p=share / share.sum())
        return found


def best_admissions(chance: np.ndarray, abroad: np.ndarray) -> np.ndarray:
    """The best decisions where the chances are known."""
    shares = np.linspace(0.02, 0.8, 79)
    cuts, gains, rates = [], [], []
    for own in (chance[~abroad], chance[abroad]):
        cuts.append(np.quantile(own, 1 - shares))
        taken = own >= cuts[-1][:, None]
        gains.append(taken @ (WORTH * own - PLACE) / len(chance))
        rates.append(taken @ own / own.sum())
    gap = np.abs(rates[0][:, None] - rates[1])
    worth = gains[0][:, None] + gains[1] - 100 * FINE * np.maximum(gap - FREE + MARGIN, 0)
    local, foreign = np.unravel_index(worth.argmax(), worth.shape)
    cut = np.where(abroad, cuts[1][foreign], cuts[0][local])
    return (chance >= cut).astype(int)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))

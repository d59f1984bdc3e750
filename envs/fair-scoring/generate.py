"""Applicants for paid apprenticeships; where the bias against one group enters is drawn."""

from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "offices": ("differ", "misrecord"),
    "interview": ("valid", "language"),
    "intake": ("open", "selected"),
}
"""Whether offices differ in who completes or in whose completion they record (bias in labels);
whether interviews tell anything about those from abroad (bias in features); whether regular places
went to anybody, or to those of whom the offices knew more than they wrote down (bias of sampling).
What can be seen without knowing who really completed is about the same."""

ROWS = {"micro": (2000, 240), "small": (5000, 500), "full": (40_000, 4000)}
"""Apprentices with a regular place, and with one that was drawn by lot."""
AUDIT = {"micro": 3000, "small": 3000, "full": 4000}
TEST = 4000
WORTH, PLACE = 20_000.0, 13_000.0
"""Euros that a completed apprenticeship is worth, and that a place costs."""
FREE, FINE = 0.05, 60.0
"""The gap that is allowed, and the euros for each applicant that a point more costs."""
ABROAD = 0.45
OFFICES = 10
HIDDEN = 1.8
"""Standard deviation, in logits, of what matters and is written down nowhere."""
SKILL, MONTHS, LOWER = 1.6, -1.6, 0.6
"""In logits: what a standard deviation of skill and of months without work matters, and by how many
standard deviations those from abroad are less skilled."""


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    world = World(rng, structure, 0.8 + 1.2 * difficulty)
    regular, lottery = ROWS[size]
    crowd = world.applicants(5 * regular)
    parts = [world.chosen(crowd, regular).assign(intake="regular")]
    parts += [world.applicants(lottery).assign(intake="lottery")]
    history = pd.concat(parts, ignore_index=True).sample(frac=1, random_state=rng)
    audit, test = world.applicants(AUDIT[size]), world.applicants(TEST)
    history["completed"] = world.outcome(history["odds"] + history["record"])
    audit["completed"] = world.outcome(audit["odds"])
    ids = 10_000 + rng.permutation(len(history) + len(audit) + len(test))
    for table in (history, audit, test):
        table.insert(0, "applicant", ids[: len(table)])
        ids = ids[len(table) :]
    admit = best_admissions(test["chance"].to_numpy(), test["origin"].eq("abroad").to_numpy())
    hidden = ["chance", "odds", "record", "unsaid"]
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
    """How applicants come about, and what offices make of them."""

    def __init__(self, rng: np.random.Generator, structure: dict[str, str], steep: float) -> None:
        self._rng, self._structure = rng, structure
        self._offices = rng.permutation(np.arange(11, 99))[:OFFICES]
        self._abroad = np.linspace(-1, 1, OFFICES) + 0.1 * rng.normal(size=OFFICES)
        self._by_office = -steep * self._abroad
        self._weights = rng.uniform(0.5, 0.8, 2) * rng.choice([-1, 1], 2)

    def applicants(self, count: int) -> pd.DataFrame:
        """Applicants, with the chance of completing by all that is written down."""
        x = self._rng.normal(size=(count, 6))
        abroad = self._rng.random(count) < ABROAD
        near = 1.4 * np.where(abroad, 1, -1)[:, None] * self._abroad
        office = np.argmax(near + self._rng.gumbel(size=near.shape), axis=1)
        blind = abroad & (self._structure["interview"] == "language")
        odds = MONTHS * x[:, 1] + x[:, 2:4] @ self._weights - SKILL * LOWER * abroad
        if self._structure["offices"] == "differ":
            odds += self._by_office[office]
        known = odds + SKILL * np.where(blind, 0, x[:, 0])
        unknown = HIDDEN**2 + SKILL**2 * blind
        record = self._by_office[office] * (self._structure["offices"] == "misrecord")
        return pd.DataFrame(
            {
                "origin": np.where(abroad, "abroad", "local"),
                "office": self._offices[office],
                "interview": np.round(60 + 12 * (x[:, 0] - LOWER * abroad), 1),
                "months_without_work": np.round(np.exp(2 + 0.7 * x[:, 1]), 1),
                "school_years": np.round(10.5 + 1.5 * x[:, 2], 1),
                "age": np.round(24 + 4 * x[:, 3], 1),
                # A normal number of this variance is averaged over, nearly.
                "chance": sigmoid(known / np.sqrt(1 + np.pi / 8 * unknown)),
                "odds": odds + SKILL * np.where(blind, x[:, 4], x[:, 0]) + HIDDEN * x[:, 5],
                "record": record,
                "unsaid": x[:, 5],
            }
        )

    def chosen(self, crowd: pd.DataFrame, places: int) -> pd.DataFrame:
        """As many of the long as of the short without work get a place, in either world."""
        months = (np.log(crowd["months_without_work"].to_numpy()) - 2) / 0.7
        near = np.argsort(months, kind="stable").reshape(places, -1)
        favour = 0.3 * self._rng.normal(size=len(crowd))
        if self._structure["intake"] == "selected":
            favour += crowd["unsaid"].to_numpy() * np.clip(2 * months, -1, 1)
        return crowd.iloc[near[np.arange(places), favour[near].argmax(axis=1)]]

    def outcome(self, odds: pd.Series) -> np.ndarray:
        return (self._rng.random(len(odds)) < sigmoid(odds.to_numpy())).astype(int)


def best_admissions(chance: np.ndarray, abroad: np.ndarray) -> np.ndarray:
    """The best decisions where the chances are known."""
    shares = np.linspace(0.05, 0.8, 76)
    cuts, gains, rates = [], [], []
    for own in (chance[~abroad], chance[abroad]):
        cuts.append(np.quantile(own, 1 - shares))
        taken = own >= cuts[-1][:, None]
        gains.append(taken @ (WORTH * own - PLACE) / len(chance))
        rates.append(taken @ own / own.sum())
    gap = np.abs(rates[0][:, None] - rates[1])
    worth = gains[0][:, None] + gains[1] - 100 * FINE * np.maximum(gap - FREE, 0)
    local, foreign = np.unravel_index(worth.argmax(), worth.shape)
    cut = np.where(abroad, cuts[1][foreign], cuts[0][local])
    return (chance >= cut).astype(int)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))

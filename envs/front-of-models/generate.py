"""Draft questionnaires that are to be made short; what their answers and minutes mean is drawn."""

import io
import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

from . import front

STRUCTURES = {
    "scoring": ("amount", "distance"),
    "version": ("shift", "weak"),
    "time": ("items", "sections"),
}
"""Whether high answers are signs of illness, or those far from the middle; whether the translation
moves answers (uniform differential item functioning) or makes them say less (the non-uniform kind);
whether questions take time, or sections once they are begun."""

PEOPLE = {"micro": 2500, "small": 5000, "full": 40_000}
INTERVIEWS = {"micro": 300, "small": 400, "full": 2000}
TEST = 3000
SECTIONS, EACH = "ABCD", 4
ITEMS = [f"{section}{number + 1}" for section in SECTIONS for number in range(EACH)]
OTHER = 0.3
"""How much of the risk is of the other scoring, as a share of a standard deviation."""
CALLS = 2, 3
"""Levels of fairness and of brevity: the program is called somewhere in each of six fields."""
GRID = np.linspace(0, 1, 4), np.linspace(0.08, 0.92, 6)
"""Fairness and brevity of the cards that the ceiling is made of."""


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    world = World(rng, structure, difficulty)
    study, clinic = world.people(PEOPLE[size]), world.people(TEST)
    ill = (rng.random(len(study.chance)) < study.chance).astype(int)
    version = np.where(study.translated, "translated", "original")
    table = pd.DataFrame({"person": 10_000 + rng.permutation(len(ill)), "version": version})
    table = table.join(pd.DataFrame(study.answers, columns=ITEMS)).assign(disorder=ill)
    return Instance(
        public={
            "study.csv": table,
            "pilot.csv": world.pilot(INTERVIEWS[size]),
            "front.py": Path(__file__).with_name("front.py").read_text(encoding="utf-8"),
            "trade_off.json": trade_off(0.5, 0.5),
        },
        runs=[
            {"trade_off.json": trade_off(*((np.array(pair) + rng.random(2)) / CALLS))}
            for pair in product(*map(range, CALLS))
        ],
        private={"people.npz": clinic.packed(), "minutes.json": json.dumps(world.minutes)},
        floor=0.0,
        ceiling=world.best(clinic),
    )


def trade_off(fairness: float, brevity: float) -> str:
    return json.dumps({"fairness": round(float(fairness), 3), "brevity": round(float(brevity), 3)})


class People:
    """Answers (people, questions), who got the translated version, and the chance to be ill."""

    def __init__(self, answers: np.ndarray, translated: np.ndarray, chance: np.ndarray) -> None:
        self.answers, self.translated, self.chance = answers, translated, chance

    def packed(self) -> bytes:
        file = io.BytesIO()
        np.savez(file, answers=self.answers, translated=self.translated, chance=self.chance)
        return file.getvalue()


class World:
    """What answers and minutes are made of."""

    def __init__(
        self, rng: np.random.Generator, structure: dict[str, str], difficulty: float
    ) -> None:
        self._rng, self._structure = rng, structure
        count = len(ITEMS)
        self._section = np.repeat(np.arange(len(SECTIONS)), EACH)
        sign = rng.choice([-1, 1], count) if structure["scoring"] == "amount" else np.ones(count)
        weights = sign * (0.3 + rng.exponential(1, count))
        self._weights = (2.8 - 0.8 * difficulty) * weights / np.linalg.norm(weights)
        self._share = rng.uniform(0.33, 0.47)
        bad = rng.permuted(np.arange(count) < count // 2)
        self._moves, self._tells = np.zeros(count), np.ones(count)
        if structure["version"] == "shift":
            self._moves = (0.4 + 1.6 * difficulty) * rng.uniform(0.5, 1.2, count) * bad
        else:
            self._tells[bad] = rng.uniform(0, 0.8 - 0.8 * difficulty, bad.sum())
        self.minutes = self._draw_minutes(rng.uniform(0.8, 1.25))

    def _draw_minutes(self, pace: float) -> dict[str, dict[str, float]]:
        """Minutes by question, and by section once it is begun."""
        if self._structure["time"] == "items":
            each, once = self._rng.uniform(0.3, 1.6, len(ITEMS)), np.zeros(len(SECTIONS))
        else:
            each = np.full(len(ITEMS), 0.15)
            once = self._rng.uniform(2, 4.5, len(SECTIONS))
        return {
            "questions": dict(zip(ITEMS, (pace * each).tolist(), strict=True)),
            "sections": dict(zip(SECTIONS, (pace * once).tolist(), strict=True)),
        }

    def people(self, count: int) -> People:
        """Answers of 0 to 8; what somebody is like differs from what a translation makes of it."""
        shape = count, len(ITEMS)
        translated = self._rng.random(count) < self._share
        mood = self._rng.normal(size=(count, len(SECTIONS)))[:, self._section]
        x = np.sqrt(0.7) * self._rng.normal(size=shape) + np.sqrt(0.3) * mood
        high, far = x, (np.abs(x) - 0.8) / 0.6
        if self._structure["scoring"] == "distance":
            high, far = far, high
        logit = (high + OTHER * far) @ self._weights / np.hypot(1, OTHER) - 2.2
        told = self._tells * x + np.sqrt(1 - self._tells**2) * self._rng.normal(size=shape)
        if self._structure["scoring"] == "amount":
            told = told - np.sign(self._weights) * self._moves
        else:
            told = np.sign(told) * np.maximum(np.abs(told) - 0.8 * self._moves, 0)
        told = np.where(translated[:, None], told, x)
        answers = np.clip(np.round(4 + 1.7 * told), 0, 8).astype(int)
        return People(answers, translated, 1 / (1 + np.exp(-logit)))

    def pilot(self, count: int) -> pd.DataFrame:
        """Interviews that asked some of the questions, and what they took."""
        share = self._rng.choice([0.15, 0.4, 0.7], (count, 1))
        asked = self._rng.random((count, len(ITEMS))) < share
        took = np.array([self.took(row) for row in asked])
        took += 2.5 + 0.8 * self._rng.normal(size=count)
        names = [" ".join(np.array(ITEMS)[row]) for row in asked]
        return pd.DataFrame({"asked": names, "minutes": np.maximum(np.round(took, 1), 0.5)})

    def best(self, clinic: People) -> float:
        """The hypervolume of many cards that are fitted to the clinic, and to true minutes."""
        asked = self._rng.random((64, len(ITEMS))) < 0.4
        took = np.array([self.took(row) for row in asked])
        ill = self._rng.random(len(clinic.chance)) < clinic.chance
        known = front.Study(ITEMS, clinic.answers, clinic.translated, ill, asked, took)
        every, found = self.took(asked[0] | True), []
        plans = [front.costs(known, time) for time in STRUCTURES["time"]]
        kinds = product(STRUCTURES["scoring"], STRUCTURES["version"], GRID[0])
        for scoring, version, fairness in kinds:
            apart, spread = front.discriminant(known, scoring, version, fairness)
            for brevity, (sets, minutes) in product(GRID[1], plans):
                limit = (1 - brevity) * minutes.sum()
                chosen = front.chosen(apart, spread, sets, minutes, limit)
                points = front.points_of(known, apart, spread, chosen, scoring)
                told = clinic.answers, clinic.translated, clinic.chance, points
                reached = front.accuracy_and_fairness(*told)
                found.append((*reached, 1 - self.took(chosen) / every))
        return front.hypervolume(found)

    def took(self, asked: np.ndarray) -> float:
        """The minutes of an interview, without its beginning and end."""
        begun = set(self._section[asked].tolist())
        questions, sections = (list(each.values()) for each in self.minutes.values())
        return float(asked @ questions + sum(sections[at] for at in begun))

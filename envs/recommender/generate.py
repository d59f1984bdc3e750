"""A log of what listeners were shown, opened and heard, and what a panel of them would hear now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "slots": ("attention", "taste"),
    "signal": ("opened", "heard"),
    "tastes": ("steady", "changed"),
    "sides": ("topics", "audiences"),
}
"""Why shows at the top of a page are opened more often; which of the two responses depends on
taste; whether listeners' tastes changed during the log; what shows that please the same listeners
have in common."""

PAGES = {"micro": 9, "small": 12, "full": 60}
"""Pages that a listener was shown."""
LISTENERS, PANEL = 2000, 500
SHOWS, GROUPS, SLOTS = 120, 8, 6
DAYS, CHANGE = 180, (55, 80)
"""Length of the log, and the days between which tastes change, where they do."""
TOPICS = ("news", "comedy", "true crime", "science", "sport", "history", "money", "health")
WANTED = 8
"""Shows that a listener would hear, on average."""


@dataclass(frozen=True)
class World:
    """Everything random about shows and listeners, whatever the structure is."""

    group: np.ndarray
    """What a show's audience is, by show."""
    quality: np.ndarray
    campaign: np.ndarray
    """How far up the editors put a show, by show."""
    lure: np.ndarray
    """How much a show is opened, or heard to the end, for reasons other than taste, by show."""
    tastes: np.ndarray
    """By (period, listener, group)."""
    change: np.ndarray
    """The first day of a listener's second period."""

    def appeal(self, listener: np.ndarray, show: np.ndarray, day: np.ndarray) -> np.ndarray:
        """How much a show is to a listener's taste on a day."""
        period = (day >= self.change[listener]).astype(int)
        return self.tastes[period, listener, self.group[show]] + 0.5 * self.quality[show]


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    topic = rng.permutation(np.arange(SHOWS) % GROUPS)
    world = draw_world(rng, topic, structure)
    log = draw_log(rng, world, PAGES[size], structure, difficulty)
    people = LISTENERS + PANEL
    minutes = rng.choice([15, 25, 30, 45, 60], SHOWS)
    log["seconds"] = seconds(rng, log, minutes)

    grid = np.meshgrid(np.arange(people), np.arange(SHOWS), indexing="ij")
    appeal = world.appeal(*grid, np.full(1, DAYS))
    chance = sigmoid(2.5 * (appeal - np.quantile(appeal, 1 - 0.75 * WANTED / SHOWS)))
    wanted = rng.random(chance.shape) < chance
    wanted[np.arange(people), chance.argmax(axis=1)] |= ~wanted.any(axis=1)
    names = {
        "listener": 100_000 + rng.permutation(900_000)[:people],
        "show": 100 + rng.permutation(900)[:SHOWS],
    }
    catalogue = pd.DataFrame(
        {"show": names["show"], "topic": np.array(TOPICS)[topic], "minutes": minutes}
    )
    return pack(rng, log, catalogue.sort_values("show"), names, wanted, chance)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def draw_world(rng: np.random.Generator, topic: np.ndarray, structure: dict[str, str]) -> World:
    people = LISTENERS + PANEL
    group = rng.permutation(topic)
    tastes = rng.normal(size=(2, people, GROUPS))
    if structure["tastes"] == "steady":
        tastes[0] = tastes[1]
    return World(
        group=topic if structure["sides"] == "topics" else group,
        quality=rng.normal(size=SHOWS),
        campaign=rng.normal(size=SHOWS),
        lure=rng.normal(size=SHOWS),
        tastes=tastes,
        change=rng.integers(*CHANGE, people),
    )


def draw_log(
    rng: np.random.Generator,
    world: World,
    pages: int,
    structure: dict[str, str],
    difficulty: float,
) -> dict[str, np.ndarray]:
    """What was shown where, and how listeners responded: a row for each show on a page."""
    people = LISTENERS + PANEL
    listener = np.repeat(np.arange(people), pages)[:, None] * np.ones(SLOTS, int)
    day = np.sort(rng.integers(0, DAYS, (people, pages)), axis=1).reshape(-1, 1) * np.ones(
        SLOTS, int
    )
    show = rng.permuted(np.tile(np.arange(SHOWS), (people * pages, 1)), axis=1)[:, :SLOTS]
    appeal = world.appeal(listener, show, day)
    slot = np.arange(SLOTS)
    noise = rng.normal(size=show.shape)
    if structure["slots"] == "taste":
        place = appeal + 1.0 * noise
    else:
        place = world.campaign[show] + 0.3 * noise
    order = np.argsort(-place, axis=1)
    show, appeal = (np.take_along_axis(each, order, axis=1) for each in (show, appeal))

    told = 2.2 * appeal * (1.4 - 0.8 * difficulty)
    if structure["slots"] == "attention":
        told = told - (0.5 + 0.8 * difficulty) * (slot - slot.mean())
    other = 1.5 * world.lure[show] + rng.normal(size=show.shape)
    opening, hearing = (told, other) if structure["signal"] == "opened" else (other, told)
    opened = rng.random(show.shape) < sigmoid(opening + rng.normal(-0.5, 0.2))
    heard = sigmoid(hearing + 0.3 * rng.normal(size=show.shape))
    rows = {"listener": listener, "day": day, "slot": slot + 0 * show, "show": show,
            "opened": opened, "heard": heard}  # fmt: skip
    return {name: values.ravel() for name, values in rows.items()}


def seconds(
    rng: np.random.Generator, log: dict[str, np.ndarray], minutes: np.ndarray
) -> np.ndarray:
    """Seconds heard; 0 where a show was not opened, -1 where the player lost count."""
    played = np.maximum(np.rint(60 * minutes[log["show"]] * log["heard"]), 1)
    lost = rng.random(len(played)) < 0.02
    return np.where(log["opened"], np.where(lost, -1, played), 0).astype(int)


def pack(
    rng: np.random.Generator,
    log: dict[str, np.ndarray],
    catalogue: pd.DataFrame,
    names: dict[str, np.ndarray],
    wanted: np.ndarray,
    chance: np.ndarray,
) -> Instance:
    table = pd.DataFrame(
        {
            "listener": names["listener"][log["listener"]],
            "day": log["day"] + 1,
            "slot": log["slot"] + 1,
            "show": names["show"][log["show"]],
            "seconds": log["seconds"],
        }
    )
    page = np.lexsort((table["slot"], table["listener"], table["day"]))
    listed = [" ".join(map(str, np.sort(names["show"][row]))) for row in wanted]
    answers = pd.DataFrame({"listener": names["listener"], "shows": listed})
    panel = answers.tail(PANEL).sort_values("listener")
    answers = answers.head(LISTENERS)
    answers = answers.iloc[rng.permutation(LISTENERS)]
    return Instance(
        public={
            "log.csv": table.iloc[page],
            "shows.csv": catalogue,
            "panel.csv": panel,
            "listeners.csv": answers[["listener"]],
            "ranker.py": Path(__file__).with_name("ranker.py").read_text(encoding="utf-8"),
        },
        answers=answers,
        floor=map_at_10(wanted[:LISTENERS], rng.random(chance[:LISTENERS].shape)),
        ceiling=map_at_10(wanted[:LISTENERS], chance[:LISTENERS]),
    )


def map_at_10(wanted: np.ndarray, score: np.ndarray) -> float:
    """Mean average precision of the ten shows with the highest scores."""
    best = np.argsort(-score, axis=1)[:, :10]
    hits = np.take_along_axis(wanted, best, axis=1)
    precision = np.cumsum(hits, axis=1) / np.arange(1, 11)
    return float(((precision * hits).sum(axis=1) / np.minimum(wanted.sum(axis=1), 10)).mean())

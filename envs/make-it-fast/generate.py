"""A shop's events, and a report on them by a program that is right and slow."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

from . import solution

FOLDER = Path(__file__).parent
COMMON = ("balances", "leaders")
"""Sections whose slowness anybody knows; each report has at least one of them."""
OTHERS = (
    "new_pairs",
    "medians",
    "previous_buyers",
    "larger_before",
    "code_distances",
    "recent_counts",
    "backlog",
)
ROWS = {"micro": 300, "small": 800, "full": 2500}
"""Events to try a program on."""
HIDDEN = 2500
PAIRS = (("user", "item"), ("user", "code"), ("item", "code"))


def generate(rng: np.random.Generator, size: str, difficulty: float) -> Instance:
    sections = draw_sections(rng, 2 + round(4 * difficulty))
    settings = draw_settings(rng)
    trial, hidden = (events(rng, rows) for rows in (ROWS[size], HIDDEN))
    slow = program(sections, settings)
    return Instance(
        public={
            "report.py": slow,
            "events.csv": trial,
            "report.txt": report(trial, sections, settings),
        },
        runs=[{"events.csv": hidden}],
        private={"slow.py": slow, "report.txt": report(hidden, sections, settings)},
        floor=0.0,
        ceiling=1.0,
        truth={"sections": sections},
    )


def draw_sections(rng: np.random.Generator, count: int) -> list[str]:
    """The sections of a report; more difficulty adds some to the same ones."""
    chosen = [str(rng.choice(COMMON)), *map(str, rng.permutation(OTHERS))][:count]
    return [chosen[at] for at in np.argsort(rng.random(1 + len(OTHERS))[:count])]


def draw_settings(rng: np.random.Generator) -> dict[str, object]:
    """What the sections go by."""
    return {
        "pair": PAIRS[rng.integers(len(PAIRS))],
        "opening": round(float(rng.uniform(0.1, 0.9)), 1),
        "last": int(rng.integers(400, 600)),
        "nobody": str(rng.choice(["-", "nobody", "none"])),
        "times": round(float(rng.uniform(0.8, 1.5)), 1),
        "apart": int(rng.integers(1, 6)),
        "seconds": int(rng.integers(2, 9)) * 900,
        "waiting": int(rng.integers(250, 350)),
        "start": round(float(rng.uniform(0.1, 0.9)), 1),
    }


def events(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Events in the order of time, some of them in the same second."""
    codes = ["".join(rng.choice(list("ABCDEF"), 11)) for _ in range(16)]
    return pd.DataFrame(
        {
            "event": np.arange(1, rows + 1),
            "second": rng.choice([0, 1, 5, 30, 200], rows).cumsum(),
            "user": [f"u{number}" for number in rng.integers(0, 120, rows)],
            "item": [f"i{number}" for number in rng.integers(0, 300, rows)],
            "code": rng.choice(codes, rows),
            "amount": np.round(rng.lognormal(3, 1, rows) + 0.01, 2),
        }
    )


def program(sections: list[str], settings: dict[str, object]) -> str:
    """The slow program with these sections."""
    text = (FOLDER / "report.py").read_text(encoding="utf-8")
    unused = {*COMMON, *OTHERS} - {*sections}
    for name, source in solution.functions(text).items():
        if name in unused:
            text = text.replace(f"{source}\n\n\n", "")
    text = text.replace("SETTINGS = {}", f"SETTINGS = {json.dumps(settings, indent=4)}")
    return text.replace("SECTIONS = []", f"SECTIONS = [{', '.join(sections)}]")


def report(table: pd.DataFrame, sections: list[str], settings: dict[str, object]) -> str:
    """The right report, by the solution's fast functions."""
    columns = {name: table[name].tolist() for name in table.columns}
    columns["event"] = list(map(str, columns["event"]))
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    lines = []
    for section in sections:
        lines += [f"== {section}", *getattr(solution, section)(rows, settings)]
    return "\n".join(lines) + "\n"

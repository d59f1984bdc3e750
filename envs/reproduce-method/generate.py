"""Trials of a drug, and the table that the methods section of a paper describes."""

from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

from .analysis import ARMS, analyse

TRIALS = {"micro": 2, "small": 5, "full": 25}
"""Trials with a published table."""
HIDDEN = 40
SUBJECTS = 54
STATISTICS = ("subjects", "mean", "sd", "mean_rank", "upper_quartile")
CHOICES = {
    "failed": (
        "Failed assays (negative values) were dropped.",
        "Failed assays (negative values) were set to half the detection limit, 0.25.",
    ),
    "repeats": (
        "Where a subject had several readings at a visit, we used the first one of the file.",
        "Where a subject had several readings at a visit, we used their mean.",
    ),
    "scale": (
        "Values were analysed untransformed.",
        "Values x were then replaced by ln(1 + x).",
    ),
    "outliers": (
        "No outliers were removed.",
        "Then values more than three interquartile ranges from the median of all values of the "
        "trial's visit of that number were removed, once (quartiles interpolated linearly).",
    ),
    "incomplete": (
        "Subjects left with a single visit were kept, with a change of 0.",
        "Subjects left with a single visit were excluded.",
    ),
    "change": (
        "The change of a subject is the last visit's value less the first visit's.",
        "The change of a subject is the last visit's value less the mean of those before.",
    ),
    "weights": (
        "Each subject has the same weight in the mean.",
        "Subjects are weighted in the mean, and there alone, by their number of visits.",
    ),
    "spread": (
        "The standard deviation has n - 1 in the denominator.",
        "The standard deviation has n in the denominator.",
    ),
    "ties": (
        "Equal changes get the mean of their ranks.",
        "Equal changes all get the smallest of their ranks.",
    ),
    "quartile": (
        "The upper quartile is interpolated linearly.",
        "The upper quartile is the smallest change that at least three quarters do not exceed.",
    ),
}
"""By decision what libraries do by default, and what this method may do in its place."""
ONE_COLUMN = ("weights", "spread", "ties", "quartile")


def generate(rng: np.random.Generator, size: str, difficulty: float) -> Instance:
    unusual = draw_unusual(rng, 2 + round(4 * difficulty))
    method = {name: int(name in unusual) for name in CHOICES}
    numbers = rng.permutation(np.arange(100, 1000))
    published = trials(rng, numbers[: TRIALS[size]])
    hidden = trials(rng, numbers[-HIDDEN:])
    known, right = table(published, method), table(hidden, method)
    return Instance(
        public={
            "METHODS.md": methods(method),
            "readings.csv": published,
            "published.csv": known,
            "sample_submission.csv": known.assign(**dict.fromkeys(STATISTICS, 0)),
        },
        inputs={"readings.csv": hidden},
        answers=right,
        floor=0.0,
        ceiling=1.0,
        truth={"method": method},
    )


def draw_unusual(rng: np.random.Generator, count: int) -> list[str]:
    """What this method does unlike libraries; the first choice concerns one column alone."""
    first = str(rng.choice(ONE_COLUMN))
    others = rng.permutation([name for name in CHOICES if name != first])
    return [first, *map(str, others)][:count]


def methods(method: dict[str, int]) -> str:
    """The methods section with these choices."""
    text = Path(__file__).with_name("methods.md").read_text(encoding="utf-8")
    for name, at in method.items():
        text = text.replace(f"{{{name}}}", CHOICES[name][at])
    return text


def trials(rng: np.random.Generator, numbers: np.ndarray) -> pd.DataFrame:
    """The readings of all trials, those of a subject in any order."""
    rows = [row for number in numbers for row in trial(rng, int(number))]
    shuffled = rng.permutation(len(rows))
    columns = ["trial", "subject", "arm", "visit", "value"]
    return pd.DataFrame([rows[at] for at in shuffled], columns=columns)


def trial(rng: np.random.Generator, number: int) -> list[tuple[int, str, str, int, float]]:
    """The readings of one trial: values that fall with the dose, with repeats and failures."""
    rows = []
    for subject in range(SUBJECTS):
        arm = subject % len(ARMS)
        level = rng.lognormal(1.5, 0.4)
        for visit in range(1, 1 + rng.choice([1, 2, 3, 4], p=[0.025, 0.325, 0.35, 0.3])):
            for _ in range(1 + (rng.random() < 0.02)):
                value = level * (1 - 0.06 * arm * visit) * rng.lognormal(0, 0.15)
                value *= 8 if rng.random() < 0.008 else 1
                value = -9.0 if rng.random() < 0.01 else round(value, 1)
                rows.append((number, f"S{subject + 1:02}", ARMS[arm], visit, value))
    return rows


def table(readings: pd.DataFrame, method: dict[str, int]) -> pd.DataFrame:
    """A row for each arm of each trial: ten times the trial's number, plus 0 to 2."""
    rows = []
    for number, each in readings.groupby("trial"):
        cells = [each[name].tolist() for name in ("subject", "arm", "visit", "value")]
        found = analyse(list(zip(*cells, strict=True)), method)
        rows += [(10 * number + at, *row) for at, row in enumerate(found)]
    return pd.DataFrame(rows, columns=["id", *STATISTICS]).round(4)

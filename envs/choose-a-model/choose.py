"""The planners' toolbox: chooses a model for each depot and writes submission.csv.

python data/choose.py --reissued keep|drop --days all|latest --wild keep|cut

reissued  whether forecasts that were issued a second time count
days      all days of the archive, or its latest half
wild      whether forecasts count that are further off than a fifth of the depot's parcels

A model's error at a depot is the mean of the absolute errors that count, drawn towards the mean of
all models there by as much as chance explains their differences. The last line is what the same
choice costs at the audited depots.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

CHOICES = {"reissued": ("keep", "drop"), "days": ("all", "latest"), "wild": ("keep", "cut")}
MODELS = "ABCDEF"
FAR = 0.2
CLAIM = 0.5


def read(name):
    with Path("data", name).open(newline="") as file:
        return list(csv.DictReader(file))


def load():
    """Absolute errors and flags by depot, day and model; the audit; the depots to choose for."""
    archive, audit = read("archive.csv"), read("audit.csv")
    depots = sorted({row["depot"] for row in archive})
    shape = len(depots), len(archive) // len(depots), len(MODELS)
    table = np.array([[float(row[name]) for name in ("parcels", *MODELS)] for row in archive])
    marks = np.array([[model in row["reissued"] for model in MODELS] for row in archive])
    parcels = table[:, 0].reshape(shape[:2])
    return {
        "depots": depots,
        "error": np.abs(table[:, 1:] - table[:, :1]).reshape(shape),
        "reissued": marks.reshape(shape),
        "level": np.median(parcels, axis=1),
        "audited": [row["depot"] for row in audit],
        "risk": np.array([[float(row[model]) for model in MODELS] for row in audit]),
        "open": [row["depot"] for row in read("depots.csv")],
    }


def errors(data, reissued="keep", days="all", wild="keep"):
    """The expected absolute error by depot and model."""
    error = data["error"]
    counts = np.ones(error.shape, bool)
    if reissued == "drop":
        counts &= ~data["reissued"]
    if days == "latest":
        counts[:, : error.shape[1] // 2] = False
    if wild == "cut":
        counts &= error <= FAR * data["level"][:, None, None]
    number = counts.sum(axis=1).clip(1)
    mean = (error * counts).sum(axis=1) / number
    chance = ((error - mean[:, None]) ** 2 * counts).sum(axis=1) / number**2
    centre = mean.mean(axis=1, keepdims=True)
    relative = ((mean - centre) / centre).var() - (chance / centre**2).mean()
    spread = max(relative, 0.001) * centre**2
    return centre + (mean - centre) * spread / (spread + chance)


def choose(data, expected, depots):
    """The model with the least expected error at each depot, and that error."""
    rows = expected[np.searchsorted(data["depots"], depots)]
    return rows.argmin(axis=1), rows.min(axis=1)


def cost(risk, chosen, claimed):
    """As submissions are scored."""
    actual = risk[np.arange(len(risk)), chosen]
    off = np.abs(np.log(claimed.clip(0.01) / actual))
    return (actual / risk.min(axis=1) - 1).mean() + CLAIM * off.mean()


def write(data, expected):
    chosen, claimed = choose(data, expected, data["open"])
    lines = ["depot,model,expected_error"]
    for depot, model, value in zip(data["open"], chosen, claimed, strict=True):
        lines.append(f"{depot},{MODELS[model]},{value:.2f}")
    Path("submission.csv").write_text("\n".join([*lines, ""]))


def main():
    parser = argparse.ArgumentParser()
    for name, values in CHOICES.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    data = load()
    expected = errors(data, **vars(parser.parse_args()))
    write(data, expected)
    chosen, claimed = choose(data, expected, data["audited"])
    print("chosen at the audited depots:", *(MODELS[model] for model in chosen))
    print(f"validation: {cost(data['risk'], chosen, claimed):.4f}")


if __name__ == "__main__":
    main()

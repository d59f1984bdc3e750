"""The grain laboratory's toolbox: fits one head on the frozen network, writes submission.csv.

python data/lab.py --norm channel|spectrum --layer early|last --head linear|local
                   --sessions keep|centre

norm      channel: counts minus the maker's dark level, by the span, channel by channel;
          spectrum: each spectrum minus its own mean, by its own standard deviation
layer     the network's layer whose values the head gets
head      linear: ridge regression on the classes; local: the nearest labelled grains
sessions  keep: values as they are; centre: minus the mean of all grains of the session,
          those without a label included

It prints the accuracy on labelled grains that the head was not fitted to (ten folds); the last
line is that alone.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

CLASSES = ("broken", "mouldy", "sound", "sprouted")
FOLDS = 10
PENALTY = 0.05
"""By labelled grain."""
NEIGHBOURS = 5


def read(name):
    with Path("data", name).open(newline="") as file:
        return list(csv.DictReader(file))


def load():
    """The tables, and the spectra of their grains in the same order."""
    tables = [read(name) for name in ("train.csv", "unlabelled.csv", "test.csv")]
    rows = [int(row["row"]) for table in tables for row in table]
    return tables, np.load("data/spectra.npy")[rows].astype(float)


def values_of(tables, spectra, norm, layer, sessions):
    """The layer's values of all grains, each standardised."""
    w1, w2, (dark, span) = (np.load(f"data/network/{n}.npy") for n in ("w1", "w2", "calibration"))
    if norm == "channel":
        x = (spectra - dark) / span
    else:
        x = (spectra - spectra.mean(1)[:, None]) / (spectra.std(1)[:, None] + 1e-9)
    values = np.tanh(x @ w1)
    if layer == "last":
        values = np.tanh(1.5 * values @ w2)
    if sessions == "centre":
        session = np.array([int(row["session"]) for table in tables for row in table])
        for each in np.unique(session):
            values[session == each] -= values[session == each].mean(0)
    # One scale for all values of a layer: small ones stay small.
    return (values - values.mean(0)) / values.std()


def linear(a, targets, b):
    mean = a.mean(0)
    a, b = a - mean, b - mean
    square = a.T @ a + PENALTY * len(a) * np.eye(a.shape[1])
    return b @ np.linalg.solve(square, a.T @ (targets - targets.mean(0))) + targets.mean(0)


def local(a, targets, b):
    distance = (a * a).sum(1) - 2 * b @ a.T  # but for what is the same for all of a
    nearest = np.argpartition(distance, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return targets[nearest].mean(1)


HEADS = {"linear": linear, "local": local}


def fit(tables, values, head):
    """The classes of the grains to predict, and the accuracy on grains held back."""
    label = np.array([CLASSES.index(row["kind"]) for row in tables[0]])
    known, test = values[: len(label)], values[-len(tables[2]) :]
    targets, fold = np.eye(len(CLASSES))[label], np.arange(len(label)) % FOLDS
    right = 0
    for k in range(FOLDS):
        out = HEADS[head](known[fold != k], targets[fold != k], known[fold == k])
        right += (out.argmax(1) == label[fold == k]).sum()
    return HEADS[head](known, targets, test).argmax(1), right / len(label)


def write(test, found):
    lines = [f"{row['id']},{CLASSES[each]}" for row, each in zip(test, found, strict=True)]
    Path("submission.csv").write_text("\n".join(["id,kind", *lines, ""]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--norm", choices=("channel", "spectrum"), default="channel")
    parser.add_argument("--layer", choices=("early", "last"), default="last")
    parser.add_argument("--head", choices=HEADS, default="linear")
    parser.add_argument("--sessions", choices=("keep", "centre"), default="keep")
    options = vars(parser.parse_args())
    head = options.pop("head")
    tables, spectra = load()
    found, accuracy = fit(tables, values_of(tables, spectra, **options), head)
    write(tables[2], found)
    print(f"validation: {accuracy:.4f}")


if __name__ == "__main__":
    main()

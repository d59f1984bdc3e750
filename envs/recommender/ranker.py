"""The station's ranker: learns tastes from data/log.csv and writes submission.csv.

python data/ranker.py --slots attention|taste --signal opened|heard
                      --history all|recent --sides topics|audiences

slots    attention: a show is compared with others in the same slot; taste: a high slot speaks
         for a show, too, whether it was opened or not
signal   opened: whether a show was opened; heard: how much of it was heard once it was
history  all of the log, or the last 100 days
sides    what shows have in common: topics of the catalogue, or audiences found in the log

The last line is MAP@10 on the panel.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

RECENT = 100
FACTORS, LISTED = 8, 10
CHOICES = {
    "slots": ("attention", "taste"),
    "signal": ("opened", "heard"),
    "history": ("all", "recent"),
    "sides": ("topics", "audiences"),
}


def read():
    """The log as arrays, with listeners and shows numbered; the catalogue; the panel; the ids."""
    log = np.loadtxt("data/log.csv", delimiter=",", skiprows=1, dtype=np.int64)
    tables = {}
    for name in ("shows", "panel", "listeners"):
        with Path("data", f"{name}.csv").open(newline="") as file:
            tables[name] = list(csv.DictReader(file))
    return log, tables


class Data:
    """What one fit needs."""

    def __init__(self):
        log, tables = read()
        shows = tables["shows"]
        self.show = np.array([int(row["show"]) for row in shows])
        self.panel = np.array([int(row["listener"]) for row in tables["panel"]])
        self.listeners = np.array([int(row["listener"]) for row in tables["listeners"]])
        self.wanted = [set(map(int, row["shows"].split())) for row in tables["panel"]]
        self.people = np.unique(np.concatenate([self.panel, self.listeners]))
        self.topics = np.unique([row["topic"] for row in shows], return_inverse=True)[1]
        length = 60 * np.array([int(row["minutes"]) for row in shows])
        self.u = np.searchsorted(self.people, log[:, 0])
        self.day, self.slot = log[:, 1], log[:, 2]
        self.i = np.searchsorted(self.show, log[:, 3])
        self.seconds = log[:, 4]
        self.share = self.seconds / length[self.i]


def responses(data, slots, signal, history):
    """Rows that count and what each says about the listener's taste, around 0."""
    use = np.full(len(data.u), True) if signal == "opened" else data.seconds > 0
    if history == "recent":
        use &= data.day > data.day.max() - RECENT
    y = (data.seconds != 0) * 1.0 if signal == "opened" else data.share
    u, i, y, slot = data.u[use], data.i[use], y[use], data.slot[use]
    level = (np.bincount(slot, y) / np.bincount(slot).clip(1))[slot]
    if slots == "attention":
        return u, i, (y - level) / y.std()
    return u, i, (y - y.mean() + 2 * (level - y.mean())) / y.std()


def table(u, i, values, shape):
    return np.bincount(u * shape[1] + i, values, shape[0] * shape[1]).reshape(shape)


def scores(data, slots="attention", signal="opened", history="all", sides="topics"):
    """By listener and show, how much the show is to the listener's taste."""
    u, i, y = responses(data, slots, signal, history)
    shape = len(data.people), len(data.show)
    count, total = table(u, i, np.ones(len(y)), shape), table(u, i, y, shape)
    mean = total.sum(0) / (count.sum(0) + 5)
    rest = total - count * mean
    if sides == "topics":
        factors = np.eye(data.topics.max() + 1)[data.topics]
    else:
        together = rest.T @ rest / np.sqrt(np.outer(count.sum(0), count.sum(0)) + 1)
        np.fill_diagonal(together, 0)
        vectors = np.linalg.eigh(together)[1]
        factors = vectors[:, -FACTORS:] * np.sqrt(len(vectors) / FACTORS)
    pairs = (factors[:, :, None] * factors[:, None, :]).reshape(len(factors), -1)
    k = factors.shape[1]
    gram = (count @ pairs).reshape(-1, k, k) + 3 * np.eye(k)
    taste = np.linalg.solve(gram, (rest @ factors)[:, :, None])[:, :, 0]
    return mean + taste @ factors.T


def lists(data, score, people):
    """The ten best shows of each listener."""
    rows = score[np.searchsorted(data.people, people)]
    return data.show[np.argsort(-rows, axis=1)[:, :LISTED]]


def map_at_10(ranked, wanted):
    total = 0.0
    for shows, relevant in zip(ranked.tolist(), wanted, strict=True):
        found = 0
        for rank, show in enumerate(shows, start=1):
            if show in relevant:
                found += 1
                total += found / rank / min(len(relevant), LISTED)
    return total / len(wanted)


def write(data, score):
    with Path("submission.csv").open("w") as file:
        file.write("listener,shows\n")
        for person, shows in zip(data.listeners, lists(data, score, data.listeners), strict=True):
            file.write(f"{person},{' '.join(map(str, shows))}\n")


def main():
    parser = argparse.ArgumentParser()
    for name, values in CHOICES.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    data = Data()
    score = scores(data, **vars(parser.parse_args()))
    write(data, score)
    print(f"validation: {map_at_10(lists(data, score, data.panel), data.wanted):.4f}")


if __name__ == "__main__":
    main()

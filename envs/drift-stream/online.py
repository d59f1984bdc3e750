"""The dispatcher's toolbox: a model of failed deliveries that learns while days go by.

python data/online.py --memory recent|weekday --labels scans|audits --form bands|pairs

memory  recent: a delivery counts half as much every four days; weekday: deliveries of the same day
        of the week count alone, all of them
labels  scans: of the drivers, for all deliveries; audits: of customers who were called, for some
form    logistic regression on the traits, and on which quarter of its values each of them is in
        (bands), or on their squares and products of two (pairs)

It writes follow.py, which follows a stream with these settings, starting from data/history.csv. The
last line is the log loss on audited deliveries of the last days of the history, each day predicted
from what was known on its morning. ``Learner`` is for programs of your own.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np

LOGARITHMIC = ("parcel_kg", "order_eur")
TRAITS = (*LOGARITHMIC, "planned_hour", "spending_index", "window_min", "address_score")
CHOICES = {
    "memory": ("recent", "weekday"),
    "labels": ("scans", "audits"),
    "form": ("bands", "pairs"),
}
SCANNED, AUDITED, WEEK = 1, 2, 5
HALF_LIFE, LEAST = 4.0, 0.05
PENALTY = 1.5
REPLAYED = 15
QUARTERS = (0.25, 0.5, 0.75)


def fit(a, y, weight):
    """Weights of a logistic regression with a penalty, by Newton's method; the last column is 1."""
    penalty = np.r_[np.full(a.shape[1] - 1, PENALTY), 0.01]
    w = np.zeros(a.shape[1])
    for _ in range(5):
        p = 1 / (1 + np.exp(-(a @ w).clip(-15, 15)))
        curve = (a * (weight * p * (1 - p))[:, None]).T @ a + np.diag(penalty)
        w -= np.linalg.solve(curve, a.T @ (weight * (p - y)) + penalty * w)
    return w


class Learner:
    """Deliveries so far, and what is known of them.

    Args:
        rows: Rows of data/history.csv, as dictionaries.
    """

    def __init__(self, rows, memory="recent", labels="scans", form="bands"):
        self.memory, self.labels, self.form = memory, labels, form
        raw = self._raw(rows)
        self.mean, self.sd = raw.mean(0), raw.std(0)
        self.limits = np.quantile((raw - self.mean) / self.sd, QUARTERS, axis=0)
        self.ids, self.day, self.a = [], np.empty(0, int), None
        self.known = {"scan": np.empty(0), "audit": np.empty(0)}
        self.add(rows)
        for state in self.known:
            self.learn(state, {row["id"]: float(row[state]) for row in rows if row[state]})

    def _raw(self, rows):
        x = np.array([[float(row[name]) for name in TRAITS] for row in rows])
        x[:, : len(LOGARITHMIC)] = np.log(x[:, : len(LOGARITHMIC)])
        return x

    def columns(self, rows):
        x = (self._raw(rows) - self.mean) / self.sd
        if self.form == "pairs":
            i, j = np.triu_indices(x.shape[1])
            more = x[:, i] * x[:, j]
        else:
            band = (x[:, None] > self.limits).sum(1)
            more = np.eye(len(QUARTERS) + 1)[band].reshape(len(x), -1)
        return np.hstack([x, more, np.ones((len(x), 1))])

    def add(self, rows):
        """Deliveries without labels."""
        a = self.columns(rows)
        self.a = a if self.a is None else np.vstack([self.a, a])
        self.ids += [row["id"] for row in rows]
        self.day = np.r_[self.day, [int(row["day"]) for row in rows]]
        unknown = np.full(len(rows), np.nan)
        self.known = {state: np.r_[labels, unknown] for state, labels in self.known.items()}
        self.place = {number: at for at, number in enumerate(self.ids)}

    def learn(self, state, labels):
        """Labels by the ids of deliveries."""
        self.known[state][[self.place[number] for number in labels]] = list(labels.values())

    def weights(self, today):
        """The model of one morning, from the labels that were there."""
        state, after = ("scan", SCANNED) if self.labels == "scans" else ("audit", AUDITED)
        y = np.where(self.day <= today - after, self.known[state], np.nan)
        if self.memory == "weekday":
            weight = ((today - self.day) % WEEK == 0) * 1.0
        else:
            weight = 0.5 ** ((today - self.day) / HALF_LIFE)
        use = ~np.isnan(y) & (weight > LEAST)
        return fit(self.a[use], y[use], weight[use])

    def predict(self, rows):
        """The risk of today's deliveries, which are added."""
        today = int(rows[0]["day"])
        w = self.weights(today)
        self.add(rows)
        return risk(self.a[-len(rows) :], w)

    def replay(self, days=REPLAYED):
        """The log loss on audited deliveries of the last days, as it would have been."""
        audited = ~np.isnan(self.known["audit"])
        last, losses = self.day[audited].max(), []
        for today in range(last - days + 1, last + 1):
            now = audited & (self.day == today)
            p = risk(self.a[now], self.weights(today))
            losses.append(-np.log(np.where(self.known["audit"][now] == 1, p, 1 - p)))
        return np.concatenate(losses).mean()


def risk(a, w):
    return (1 / (1 + np.exp(-(a @ w).clip(-15, 15)))).clip(0.005, 0.995)


def history():
    with Path("data/history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def follow(**settings):
    """Answer the chunks on standard input."""
    learner, lines = Learner(history(), **settings), []
    for line in sys.stdin:
        if line.strip():
            lines.append(line)
            continue
        rows, lines = list(csv.DictReader(lines)), []
        for state in learner.known:
            known = [row for row in rows if row["state"] == state and row["id"] in learner.place]
            learner.learn(state, {row["id"]: float(row["failed"]) for row in known})
        new = [row for row in rows if row["state"] == "new"]
        for row, p in zip(new, learner.predict(new), strict=True):
            print(f"{row['id']},{p:.5f}")
        print(flush=True)


PROGRAM = """import sys

sys.path.insert(0, "data")
import online

online.follow(**{settings})
"""


def main():
    parser = argparse.ArgumentParser()
    for name, values in CHOICES.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    settings = vars(parser.parse_args())
    Path("follow.py").write_text(PROGRAM.format(settings=settings))
    print(f"validation: {Learner(history(), **settings).replay():.4f}")


if __name__ == "__main__":
    main()

"""The study team's toolbox: makes cards/fit.py, which makes a card for any trade-off.

python data/front.py --scoring amount|distance --version shift|weak --time items|sections

scoring  which answers are signs of the disorder: high ones, or those far from the middle
version  what fairness is bought with: points by which people of both versions differ less. shift:
         all of them; weak: how far the ill are from the healthy
time     what an interview's minutes are made of: questions, or sections that take their time once,
         so that all questions of a section are asked or none

A card is a linear discriminant of the questions that are worth their minutes most. The last line is
the hypervolume of six cards, fitted to one half of the study and tried on the other half.
"""

import argparse
import csv
import json
from itertools import pairwise, product
from pathlib import Path

import numpy as np

CHOICES = {
    "scoring": ("amount", "distance"),
    "version": ("shift", "weak"),
    "time": ("items", "sections"),
}
ANSWERS, MIDDLE = 9, 4
PLACES, HALVES = 0.25, 0.1
"""The share of people that can be seen; the gap that halves fairness."""
PENALTY, LEAST = 20.0, 0.02
FAIRNESS, BREVITY = (0.25, 0.75), (0.2, 0.5, 0.8)


class Study:
    """People's answers (people, questions), who got the translated version, and who is ill; and
    which questions the pilot's interviews asked (interviews, questions), and what they took."""

    def __init__(self, items, answers, translated, ill, asked, took):
        self.items = items
        self.answers, self.translated, self.ill = answers, translated, ill
        self.asked, self.took = asked, took

    @property
    def sections(self):
        """Which questions each section has: (sections, questions)."""
        first = np.array([name[0] for name in self.items])
        return np.array([first == each for each in sorted(set(first))])

    def half(self, first):
        """The same study with every other person."""
        people = (each[first::2] for each in (self.answers, self.translated, self.ill))
        return Study(self.items, *people, self.asked, self.took)

    def opened(self, asked):
        """The sections that interviews come to: (interviews, sections)."""
        return (asked.astype(int) @ self.sections.T.astype(int)) > 0

    def minutes(self, asked):
        """What interviews take, by a regression of the pilot on questions and sections."""
        known, wanted = (
            np.hstack([x, self.opened(x), np.ones((len(x), 1))]) for x in (self.asked, asked)
        )
        keep = 0.1 * np.eye(known.shape[1])
        return wanted @ np.linalg.solve(known.T @ known + keep, known.T @ self.took)


def load():
    people, pilot = read("study.csv"), read("pilot.csv")
    items = [name for name in people[0] if name[0].isupper()]
    asked = [set(row["asked"].split()) for row in pilot]
    return Study(
        items,
        np.array([[int(row[name]) for name in items] for row in people]),
        np.array([row["version"] == "translated" for row in people]),
        np.array([row["disorder"] == "1" for row in people]),
        np.array([[name in each for name in items] for each in asked]),
        np.array([float(row["minutes"]) for row in pilot]),
    )


def read(name):
    with Path("data", name).open(newline="") as file:
        return list(csv.DictReader(file))


def signals(answers, scoring):
    return answers.astype(float) if scoring == "amount" else np.abs(answers - float(MIDDLE))


def discriminant(study, scoring, version, fairness):
    """What tells the ill apart, and how answers vary: (questions,), (questions, questions)."""
    z = signals(study.answers, scoring)
    z = z / (z.std(0) + 1e-9)
    group = 2 * study.translated + study.ill
    means = np.array([z[group == each].mean(0) for each in range(4)])
    spread = np.cov((z - means[group]).T) + 0.02 * np.eye(z.shape[1])
    original, translated = means[1] - means[0], means[3] - means[2]
    differ = translated - original
    if version == "shift":
        differ = z[study.translated].mean(0) - z[~study.translated].mean(0)
    return (original + translated) / 2, spread + PENALTY * fairness * np.outer(differ, differ)


def costs(study, time):
    """The sets of questions that are added at a time, and the minutes of each."""
    sets = np.eye(len(study.items), dtype=bool) if time == "items" else study.sections
    design = study.asked if time == "items" else study.opened(study.asked)
    design = np.hstack([design, np.ones((len(design), 1))])
    return sets, np.maximum(np.linalg.lstsq(design, study.took, rcond=None)[0][:-1], LEAST)


def chosen(apart, spread, sets, minutes, limit):
    """The questions that separate best within a limit of minutes, added set after set.

    What the questions so far explain of the others is taken out of both arguments each time.
    """
    at, apart, spread = np.array([np.flatnonzero(each) for each in sets]), apart + 0, spread + 0
    asked, left = np.zeros(len(apart), bool), np.ones(len(sets), bool)
    while (left := left & (minutes <= limit)).any():
        square = spread[at[:, :, None], at[:, None, :]] + 1e-9 * np.eye(at.shape[1])
        gains = (apart[at] * np.linalg.solve(square, apart[at][..., None])[..., 0]).sum(1)
        best = int(np.where(left, gains / minutes, -1).argmax())
        asked, left[best], limit = asked | sets[best], False, limit - minutes[best]
        among = np.linalg.solve(square[best], np.c_[apart[at[best]], spread[at[best]]])
        apart, spread = (
            apart - spread[:, at[best]] @ among[:, 0],
            spread - spread[:, at[best]] @ among[:, 1:],
        )
    return asked


def points_of(study, apart, spread, asked, scoring):
    """Points by question and answer, for the questions that are asked: (questions, answers)."""
    at, points = np.flatnonzero(asked), np.zeros((len(asked), ANSWERS))
    if len(at):
        weights = np.linalg.solve(spread[np.ix_(at, at)], apart[at])
        sizes = signals(study.answers, scoring).std(0)[at, None] + 1e-9
        points[at] = weights[:, None] * signals(np.arange(ANSWERS), scoring) / sizes
    return points


def card(study, trade_off, scoring, version, time):
    """Points by question and answer, and which questions are asked."""
    apart, spread = discriminant(study, scoring, version, trade_off["fairness"])
    sets, minutes = costs(study, time)
    limit = (1 - trade_off["brevity"]) * minutes.sum()
    asked = chosen(apart, spread, sets, minutes, limit)
    return points_of(study, apart, spread, asked, scoring), asked


def seen(score):
    """The chance of each person to be seen; equal scores share the places that are left."""
    _, at, counts = np.unique(-score, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts
    return np.clip((PLACES * len(score) - before) / counts, 0, 1)[at]


def accuracy_and_fairness(answers, translated, ill, points):
    """Both from 0 to 1. Of ill people, or of people by their chance of being ill."""
    score = points[np.arange(len(points)), answers].sum(1)
    found = seen(np.round(score, 9))
    share = np.average(found, weights=ill)
    first, second = (
        np.average(found[translated == who], weights=ill[translated == who]) for who in (0, 1)
    )
    fairness = 0.5 ** (abs(first - second) / HALVES)
    return max((share - PLACES) / (1 - PLACES), 0.0), fairness


def qualities(study, points, asked):
    """Accuracy, fairness and brevity of a card, as the study and the pilot show them."""
    known = accuracy_and_fairness(study.answers, study.translated, study.ill, points)
    none, some, every = study.minutes(np.stack([asked & False, asked, asked | True]))
    return *known, min(max((every - some) / (every - none), 0.0), 1.0)


def hypervolume(found):
    """The volume that the boxes from 0 to points with three coordinates cover together."""
    found, volume = np.array(found, dtype=float).reshape(-1, 3), 0.0
    heights = np.unique(np.append(found[:, 2], 0.0))
    for low, high in pairwise(heights):
        reach = 0.0
        for x, y in sorted(found[found[:, 2] >= high, :2].tolist(), reverse=True):
            volume += (high - low) * x * max(y - reach, 0.0)
            reach = max(reach, y)
    return volume


def trial(study, **settings):
    """The hypervolume of six cards on the half of the study that they were not fitted to."""
    learn, judge, found = study.half(0), study.half(1), []
    for fairness, brevity in product(FAIRNESS, BREVITY):
        made = card(learn, {"fairness": fairness, "brevity": brevity}, **settings)
        found.append(qualities(judge, *made))
    return hypervolume(found)


def written(study, points, asked):
    """A card as card.json holds it."""
    return {study.items[at]: points[at].round(6).tolist() for at in np.flatnonzero(asked)}


def answer(**settings):
    """Write the card for the trade-off at hand."""
    study = load()
    trade_off = json.loads(Path("data/trade_off.json").read_text())
    Path("card.json").write_text(json.dumps(written(study, *card(study, trade_off, **settings))))


PROGRAM = """import sys

sys.path.insert(0, "data")
import front

front.answer(**{settings})
"""


def main():
    parser = argparse.ArgumentParser()
    for name, values in CHOICES.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    settings = vars(parser.parse_args())
    Path("cards").mkdir(exist_ok=True)
    Path("cards/fit.py").write_text(PROGRAM.format(settings=settings))
    print(f"validation: {trial(load(), **settings):.4f}")


if __name__ == "__main__":
    main()

"""The ministry's toolbox: a logistic regression of who completes, and admissions from it.

    python data/lab.py --office use --trade use --interview all

--office     use, level     level: all offices are taken for alike when applicants are compared
--trade      use, level     the same of trades
--interview  all, locals    locals: those from abroad are taken for as skilled as the mean local

The model is fitted to the records with all of these, so that what is levelled distorts nothing
else; it never sees the origin. The cuts are set for both origins, so that as many are admitted as
are worth their place, and completers of both origins have, as the model sees it, the same chance.

Writes submission.csv. The last line is what such decisions are worth on the audited applicants, in
thousands of euros for each, fine included; the best decisions are worth about one.
"""

import csv
import sys
from pathlib import Path

import numpy as np

CHOICES = {"office": ("use", "level"), "trade": ("use", "level"), "interview": ("all", "locals")}
FIELDS = ("interview", "months_without_work", "school_years", "age")
WORTH, PLACE, FREE, FINE, MARGIN = 20_000.0, 13_000.0, 0.05, 60.0, 0.025
SHRINKS = 1.0
"""The penalty on the terms of offices and trades."""
ROUNDS = 12


def read(name):
    with Path("data", name).open(newline="") as file:
        return list(csv.DictReader(file))


def column(rows, name):
    return np.array([float(row[name]) for row in rows])


def from_abroad(rows):
    return np.array([row["origin"] == "abroad" for row in rows])


def columns(rows):
    """Standardised fields and a constant: (rows, fields + 1)."""
    x = np.stack([column(rows, name) for name in FIELDS], axis=1)
    x[:, 1] = np.log(x[:, 1])
    return np.hstack([(x - x.mean(0)) / x.std(0), np.ones((len(x), 1))])


def places(rows, name):
    """Of each row which office or trade it is: 0, 1, …"""
    return np.unique([row[name] for row in rows], return_inverse=True)[1]


def regression(x, levels, y):
    """A logistic regression: a weight for each column, and shrunken terms of levels.

    The parts are fitted in turn, each by a step of Newton's method.

    Args:
        x: (rows, columns).
        levels: For each category the level of each row, also of rows that are not fitted.
        y: 0 or 1 for each of the first rows, which are fitted.
    """
    terms = [np.zeros(level.max() + 1) for level in levels]
    weights, x, levels = np.zeros(x.shape[1]), x[: len(y)], [level[: len(y)] for level in levels]
    for _ in range(ROUNDS):
        p = chance(x, levels, weights, terms)
        curve = (x.T * (p * (1 - p))) @ x + 1e-3 * np.eye(x.shape[1])
        weights += np.linalg.solve(curve, x.T @ (y - p))
        for level, term in zip(levels, terms, strict=True):
            p = chance(x, levels, weights, terms)
            slope = np.bincount(level, y - p, len(term)) - SHRINKS * term
            term += slope / (np.bincount(level, p * (1 - p), len(term)) + SHRINKS)
    return weights, terms


def chance(x, levels, weights, terms):
    """Of each row, by such a regression."""
    odds = x @ weights
    for level, term in zip(levels, terms, strict=True):
        odds = odds + term[level]
    return 1 / (1 + np.exp(-odds))


def admissions(chances, abroad):
    """The most valuable cuts of a grid for which completers of both origins fare alike."""
    shares = np.linspace(0.01, 0.8, 80)
    gains, rates, cuts = [], [], []
    for own in (chances[~abroad], chances[abroad]):
        cuts.append(np.quantile(own, 1 - shares))
        taken = own >= cuts[-1][:, None]
        gains.append(taken @ (WORTH * own - PLACE) / len(chances))
        rates.append(taken @ own / own.sum())
    apart = np.abs(rates[0][:, None] - rates[1])
    worth = gains[0][:, None] + gains[1] - 100 * FINE * np.maximum(apart - FREE + MARGIN, 0)
    local, foreign = np.unravel_index(worth.argmax(), worth.shape)
    return (chances >= np.where(abroad, cuts[1][foreign], cuts[0][local])).astype(int)


def gap(admit, completed, abroad):
    """How far apart the shares of the two groups' completers who are admitted are."""
    rates = [(admit * completed)[own].sum() / completed[own].sum() for own in (abroad, ~abroad)]
    return abs(rates[0] - rates[1])


def value(admit, completed, abroad):
    """Euros for each applicant, less what the gap costs."""
    gain = (admit * (WORTH * completed - PLACE)).mean()
    return gain - 100 * FINE * max(gap(admit, completed, abroad) - FREE, 0)


def chances(history, others, office, trade, interview):
    """Of others, by a model of the records."""
    rows, known = history + others, len(history)
    x, levels = columns(rows), [places(rows, "office"), places(rows, "trade")]
    weights, terms = regression(x, levels, column(history, "completed"))
    if interview == "locals":
        x[from_abroad(rows), 0] = x[~from_abroad(rows), 0].mean()
    terms = [term * (use == "use") for term, use in zip(terms, (office, trade), strict=True)]
    return chance(x, levels, weights, terms)[known:]


def decide(history, audit, test, **choice):
    """Admissions for the test, and what such admissions are worth on the audit."""
    found = chances(history, audit + test, **choice)
    audited, asked = found[: len(audit)], found[len(audit) :]
    admit = admissions(audited, from_abroad(audit))
    worth = value(admit, column(audit, "completed"), from_abroad(audit))
    return admissions(asked, from_abroad(test)), worth


def write(test, admit):
    lines = [f"{row['applicant']},{value}" for row, value in zip(test, admit, strict=True)]
    Path("submission.csv").write_text("\n".join(["applicant,admit", *lines, ""]))


def main(arguments):
    asked = {k.lstrip("-"): v for k, v in zip(arguments[::2], arguments[1::2], strict=False)}
    if set(asked) != set(CHOICES) or any(asked[k] not in CHOICES[k] for k in asked):
        raise SystemExit(__doc__)
    test = read("test.csv")
    admit, worth = decide(read("history.csv"), read("audit.csv"), test, **asked)
    write(test, admit)
    abroad = from_abroad(test)
    print(
        f"admitted: {admit[~abroad].mean():.2f} of locals, {admit[abroad].mean():.2f} from abroad"
    )
    print(f"validation: {worth / 1000:.4f}")


if __name__ == "__main__":
    main(sys.argv[1:])

"""The ministry's toolbox: a logistic regression of who completes, and admissions from it.

    python data/lab.py --office use --interview all --rows all

--office     use, drop      whether the model has a term for each office
--interview  all, locals    locals: the interviews of those from abroad are set to the locals' mean
--rows       all, lottery   lottery: only apprentices whose place was drawn by lot

The model never sees the origin. The cuts are set for both origins, so that 28 percent are admitted
and, as the model sees it, completers of both origins have the same chance of a place.

Writes submission.csv. The last line is what such decisions are worth on the audited applicants, in
thousands of euros for each, fine included; the best decisions are worth about one.
"""

import csv
import sys
from pathlib import Path

import numpy as np

CHOICES = {
    "office": ("use", "drop"),
    "interview": ("all", "locals"),
    "rows": ("all", "lottery"),
}
SHARE = 0.28
WORTH, PLACE, FREE, FINE = 20_000.0, 13_000.0, 0.05, 60.0


def read(name):
    with Path("data", name).open(newline="") as file:
        return list(csv.DictReader(file))


def column(rows, name):
    return np.array([float(row[name]) for row in rows])


def from_abroad(rows):
    return np.array([row["origin"] == "abroad" for row in rows])


def features(rows, office, interview):
    """Standardised columns, the offices' own if they are used, and a constant."""
    abroad, rating = from_abroad(rows), column(rows, "interview")
    if interview == "locals":
        rating[abroad] = rating[~abroad].mean()
    others = [column(rows, name) for name in ("school_years", "age")]
    x = np.stack([rating, np.log(column(rows, "months_without_work")), *others], axis=1)
    x = (x - x.mean(0)) / x.std(0)
    if office == "use":
        _, at = np.unique([row["office"] for row in rows], return_inverse=True)
        x = np.hstack([x, np.eye(at.max() + 1)[at]])
    return np.hstack([x, np.ones((len(x), 1))])


def logistic(x, y, penalty=1.0):
    weights = np.zeros(x.shape[1])
    keep = penalty * np.eye(len(weights))
    keep[-1, -1] = 1e-6
    for _ in range(8):
        p = 1 / (1 + np.exp(-x @ weights))
        step = x.T @ (y - p) - keep @ weights
        weights += np.linalg.solve((x.T * (p * (1 - p))) @ x + keep, step)
    return weights


def admissions(chance, abroad):
    """The split of the places at which completers of both origins fare most alike."""
    part, found = abroad.mean(), []
    for share in np.linspace(0.01, 0.9, 90):
        rest = (SHARE - share * part) / (1 - part)
        if 0 < rest < 1:
            cuts = np.quantile(chance[abroad], 1 - share), np.quantile(chance[~abroad], 1 - rest)
            admit = chance >= np.where(abroad, *cuts)
            found.append((gap(admit, chance, abroad), share, admit))
    return min(found, key=lambda one: one[:2])[2].astype(int)


def gap(admit, completed, abroad):
    """How far apart the shares of the two groups' completers who are admitted are."""
    rates = [(admit * completed)[own].sum() / completed[own].sum() for own in (abroad, ~abroad)]
    return abs(rates[0] - rates[1])


def value(admit, completed, abroad):
    """Euros for each applicant, less what the gap costs."""
    gain = (admit * (WORTH * completed - PLACE)).mean()
    return gain - 100 * FINE * max(gap(admit, completed, abroad) - FREE, 0)


def decide(history, audit, test, office, interview, rows):
    """Admissions for the test, and what such admissions are worth on the audit."""
    x = features(history + audit + test, office, interview)
    known, audited, asked = np.split(x, np.cumsum([len(history), len(audit)]))
    used = np.array([rows == "all" or row["intake"] == "lottery" for row in history])
    weights = logistic(known[used], column(history, "completed")[used])
    admit = admissions(1 / (1 + np.exp(-audited @ weights)), from_abroad(audit))
    worth = value(admit, column(audit, "completed"), from_abroad(audit))
    return admissions(1 / (1 + np.exp(-asked @ weights)), from_abroad(test)), worth


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

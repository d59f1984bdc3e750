"""What admissions are worth, less a fine for unequal opportunity, as a share of the best ones."""

from pathlib import Path

import pandas as pd

WORTH, PLACE = 20_000.0, 13_000.0
"""Euros that a completed apprenticeship is worth, and that a place costs."""
FREE, FINE = 0.05, 60.0
"""The gap that is allowed, and the euros for each applicant that a point more costs."""


def grade(
    submission: pd.DataFrame, answers: pd.DataFrame, private: Path
) -> tuple[float, dict[str, float | str]]:
    table = pd.read_csv(private / "chances.csv").set_index("applicant")
    table = table.reindex(answers["applicant"])
    admit = submission.set_index("applicant")["admit"].reindex(answers["applicant"])
    utility, gap = outcome(table, admit)
    parts = {
        "euros for each applicant": round(utility, 2),
        "gap": round(gap, 4),
        "constraint met": "yes" if gap <= FREE else "no",
    }
    best = worth(*outcome(table, answers.set_index("applicant")["admit"]))
    return (max(worth(utility, gap) / best, -1.0) if best > 0 else 0.0), parts


def outcome(table: pd.DataFrame, admit: pd.Series) -> tuple[float, float]:
    """Euros for each applicant, and how far the two origins' rates are apart."""
    chance = table["chance"]
    rate = (chance * admit).groupby(table["origin"]).sum() / chance.groupby(table["origin"]).sum()
    return float((admit * (WORTH * chance - PLACE)).mean()), float(rate.max() - rate.min())


def worth(utility: float, gap: float) -> float:
    return utility - 100 * FINE * max(gap - FREE, 0.0)

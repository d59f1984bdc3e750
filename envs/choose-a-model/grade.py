"""What a choice of models costs: the error it adds, and how far off its claims are."""

from pathlib import Path

import numpy as np
import pandas as pd

CLAIM = 0.5
"""The weight of a claim's logarithmic error beside the share of error that the choice adds."""
SMALLEST = 0.01


def grade(
    submission: pd.DataFrame, answers: pd.DataFrame, private: Path
) -> tuple[float, dict[str, float]]:
    risk = pd.read_csv(private / "risk.csv").set_index("depot").reindex(answers["depot"])
    made = submission.set_index("depot").reindex(answers["depot"])
    place = risk.columns.get_indexer(made["model"])
    actual = risk.to_numpy()[np.arange(len(risk)), place]
    regret = float((actual / risk.min(axis=1).to_numpy() - 1).mean())
    claimed = made["expected_error"].to_numpy().clip(SMALLEST)
    off = float(np.abs(np.log(claimed / actual)).mean())
    parts = {
        "added error": round(regret, 4),
        "claims off by": round(off, 4),
        "claims too low": round(float((claimed < actual).mean()), 4),
    }
    return regret + CLAIM * off, parts

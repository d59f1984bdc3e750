"""What the reviews save, as a share of what the best reviews would save."""

from pathlib import Path

import pandas as pd

REVIEW = 8.0
"""What looking into a payment costs, in euros."""


def grade(
    submission: pd.DataFrame, answers: pd.DataFrame, private: Path
) -> tuple[float, dict[str, float]]:
    losses = pd.read_csv(private / "losses.csv").set_index("id")["expected_loss"]
    gain = losses.reindex(answers["id"]) - REVIEW
    chosen = submission.set_index("id")["review"].reindex(answers["id"])
    saved, best = float((gain * chosen).sum()), float(gain.clip(lower=0).sum())
    share = saved / best if best > 0 else 0.0
    parts = {"euros saved": round(saved, 2), "reviews": float(chosen.sum())}
    return max(share, -1.0), parts

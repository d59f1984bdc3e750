"""The regret of the settings that were recommended with the last answer."""

import csv
from pathlib import Path


def grade_files(submission: Path, private: Path) -> tuple[float, dict[str, float]]:
    losses: dict[str, dict[str, float]] = {}
    with (private / "losses.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            losses.setdefault(row["job"], {})[row["setting"]] = float(row["loss"])
    chosen = recommended(submission / "1-1" / "answers.txt")
    regrets, known = [], 0
    for job, loss in losses.items():
        known += chosen.get(job) in loss
        regrets.append(loss.get(chosen.get(job, ""), max(loss.values())) - min(loss.values()))
    parts = {"jobs recommended for": known, "jobs": len(losses), "worst regret": max(regrets)}
    return sum(regrets) / len(regrets), parts


def recommended(path: Path) -> dict[str, str]:
    """By job the setting in the last answer; the first line counts where a job has several."""
    if not path.is_file():
        return {}
    answers = path.read_text(encoding="utf-8", errors="replace").split("\n\n")
    lines = answers[-2].splitlines() if len(answers) > 1 else []
    found: dict[str, str] = {}
    for line in lines:
        job, _, setting = line.strip().partition(" ")
        found.setdefault(job, setting)
    return found

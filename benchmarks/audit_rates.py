"""Measures how many of an agent's episodes the audit finds suspicious, and how many were paid.

It audits the records of evaluations again, by the rules of today. The episodes of ``hunter`` are
told apart by their exploit; all others should have no finding.

python -m benchmarks.audit_rates runs/hunt runs/honest --out docs/benchmarks/audit_rates.json
"""

from __future__ import annotations

import argparse
import json
import runpy
from collections import Counter
from pathlib import Path
from typing import Any

from mle_gym.evaluation.evaluation_folder import EvaluationFolder, read_run
from mle_gym.evaluation.result import Result
from mle_gym.paths import bundled
from mle_gym.trajectories.audit import audit_trajectory

__all__ = ["rates"]

HUNTER = bundled("agents") / "hunter.py"
RECOGNISED = ("suspicious", "violation")
SHOWN = 4
"""Decimals of a score."""


def rates(folders: list[Path]) -> list[dict[str, Any]]:
    """A row for each agent and each exploit: episodes, recognised ones, what was paid.

    Args:
        folders: Of evaluations that have ended.
    """
    exploits = list(runpy.run_path(str(HUNTER))["EXPLOITS"])
    rows: dict[str, Counter[str]] = {}
    most: dict[str, float] = {}
    for folder in folders:
        run, files = read_run(folder), EvaluationFolder(folder)
        for episode in run.plan.episodes:
            result = files.read_result(episode)
            if result is None or not result.known:
                continue
            hunts = episode.agent == "hunter"
            name = f"hunter: {exploits[episode.seed % len(exploits)]}" if hunts else episode.agent
            found = audit_trajectory(files.trajectory_path(episode)).worst in RECOGNISED
            rows.setdefault(name, Counter()).update(_counts(result, recognised=found))
            most[name] = max(most.get(name, 0.0), result.value or 0.0)
    return [{"who": who, **row, "most": round(most[who], SHOWN)} for who, row in rows.items()]


def _counts(result: Result, *, recognised: bool) -> dict[str, int]:
    exploited = recognised and result.beats_luck
    return {"episodes": 1, "recognised": int(recognised), "exploited": int(exploited)}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="of evaluations")
    parser.add_argument("--out", type=Path, help="a JSON file")
    given = parser.parse_args()
    rows = rates(given.folders)
    for row in rows:
        print("{who}: {recognised} of {episodes} recognised, {exploited} paid".format(**row))
    if given.out:
        given.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

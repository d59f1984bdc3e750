"""The part of an environment's page on what is known to be reached, as numbers and as bars."""

from __future__ import annotations

import json
from pathlib import Path

from mle_gym.tasks.spec import TaskSpec

__all__ = ["reference_scores"]

FAMILIES = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "families.json"
BAR = 20
"""Characters of a bar that stands for a score of 1."""


def reference_scores(task: TaskSpec) -> str:
    """The scores of a task's programs and its thresholds on variant 0, and over variants."""
    grade, medals = task.grade, task.medals.thresholds
    known = task.reference.model_dump() if task.reference else {}
    names = {"floor": "sample submission", "baseline": "`baseline.py`", "solution": "`solution.py`"}
    scores = {names[name]: score for name, score in known.items() if score is not None}
    scores |= {f"threshold of {name}": score for name, score in medals.items()}
    ends = (grade.worst, grade.best)
    if grade.scale == "anchors" and scores:
        values = list(scores.values())
        ends = (values[0], max(values) if grade.higher_is_better else min(values))
    share = {name: (score - ends[0]) / (ends[1] - ends[0] or 1) for name, score in scores.items()}
    rows = [f"| {name} | {score:.4g} | {_bar(share[name])} |" for name, score in scores.items()]
    table = ["On variant 0:", "", "| | score | |", "|---|--:|---|", *rows]
    return "\n".join(table if scores else ["None has been measured."]) + _over_variants(task)


def _bar(share: float) -> str:
    return f"`{'█' * round(BAR * min(1.0, max(0.0, share))):░<{BAR}}`"


def _over_variants(task: TaskSpec) -> str:
    """What was measured of a family: its programs' mean anchored scores, best first."""
    reports = {each["task"]: each for each in json.loads(FAMILIES.read_text(encoding="utf-8"))}
    report = reports.get(task.id, {})
    if "outcomes" not in report:
        return ""
    anchored = {f"`{name}`": each["anchored"] for name, each in report["outcomes"].items()}
    anchored |= {f"`{name}.py`": report[name] for name in ("baseline", "solution")}
    best_first = sorted(anchored.items(), key=lambda item: -item[1])
    rows = [f"| {name} | {score:.2f} | {_bar(score)} |" for name, score in best_first]
    head = f"Over {report['variants']} variants at `{report['size']}`, mean anchored scores:"
    about = "See [what makes a family worth training on](../families.md#all-families)."
    return "\n".join(
        ["", "", head, "", "| program | anchored | |", "|---|--:|---|", *rows, "", about]
    )

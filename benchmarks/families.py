"""Judges every family of generated tasks: is there something to find out, and does looking find it?

It runs ``mle-gym validate-task FAMILY --variants 64`` on all of them, writes the reports to a file
and draws a picture of what closes the gap between the best fixed program and the best of each
variant. What was played is cached, so that a second run plays only what has changed.

python -m benchmarks.families --out docs/benchmarks
python -m benchmarks.families --out docs/benchmarks --only messy-tabular --variants 64
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mle_gym.authoring.family_gate import validate_family
from mle_gym.authoring.play_programs import Play
from mle_gym.errors import MleGymError
from mle_gym.tasks.catalog import load_task, task_folders

__all__ = ["figure", "measure", "names_of_families", "steps", "write_picture"]

VARIANTS = 64
FILE, PICTURE = "families.json", "families.png"
COLOURS = {"fixed": "#52514e", "two": "#b98b00", "choice": "#2a78d6", "best": "#0b0b0b"}
LABELS = {
    "fixed": "best fixed program",
    "two": "best list of two",
    "choice": "all, chosen by validation",
    "best": "each variant's best",
}


def names_of_families() -> list[str]:
    """The built-in tasks whose data are generated."""
    tasks = (load_task(name) for name in task_folders())
    return sorted(task.id for task in tasks if task.data.loader == "generate")


def measure(family: str, variants: int, workers: int) -> dict[str, Any]:
    """The report on one family as plain data; with ``error`` if it can't be measured."""

    def show(play: Play, left: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{family}: {left} left  ", end="", file=sys.stderr, flush=True)

    try:
        task = load_task(family)
        report = validate_family(task, variants, workers=workers, on_played=show)
    except MleGymError as error:
        return {"task": family, "error": str(error)}
    return report.to_dict()


def figure(report: dict[str, Any], key: str) -> float | None:
    """What a criterion of a report measured; None if it doesn't apply."""
    found = (each["figure"] for each in report["criteria"] if each["key"] == key)
    return next(found, None)


def steps(report: dict[str, Any]) -> dict[str, float]:
    """Mean anchored scores from the best fixed program to the best program of each variant."""
    gap = figure(report, "gap")
    if gap is None:
        return {}
    fixed = max(each["anchored"] for each in report["outcomes"].values())
    shares = {"two": figure(report, "two") or 0.0, "choice": figure(report, "choice") or 0.0}
    closed = {name: fixed + share * gap for name, share in shares.items()}
    return {"fixed": fixed, **closed, "best": fixed + gap}


def write_picture(path: Path, reports: list[dict[str, Any]]) -> str:
    """Draw a line for each family. Returns why there is no picture; empty if there is one."""
    shown = [report for report in reports if "error" not in report]
    if not shown:
        return "nothing was measured"
    if not find_spec("matplotlib"):
        return "matplotlib is not installed: pip install 'mle-gym[plot]'"
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(8, 1.2 + 0.4 * len(shown)), layout="constrained")
    FigureCanvasAgg(picture)
    axes = picture.add_subplot()
    for place, report in enumerate(reversed(shown)):
        ends = [report["baseline"], report["solution"]]
        axes.plot(ends, [place, place], color="#d5d3cb", linewidth=6, solid_capstyle="round")
        for name, score in steps(report).items():
            axes.plot([score], [place], "o", color=COLOURS[name], markersize=6)
    axes.set_yticks(range(len(shown)), [report["task"] for report in reversed(shown)])
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("mean anchored score; the bar is from baseline to solution")
    for name, label in LABELS.items():
        axes.plot([], [], "o", color=COLOURS[name], label=label)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.0), ncols=4, fontsize=7, frameon=False)
    axes.set_ylim(-0.6, len(shown) + 0.2)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(labelsize=8, length=0)
    picture.savefig(path, dpi=110)
    return ""


def _merged(path: Path, reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """These reports and the ones that were written before, without families that are gone."""
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    known = {report["task"]: report for report in (*old, *reports)}
    return [known[name] for name in names_of_families() if name in known]


def _print(report: dict[str, Any]) -> None:
    if "error" in report:
        print(report["task"], report["error"])
        return
    verdict = "learnable" if report["learnable"] else "not learnable"
    print(report["task"], verdict, {k: round(v, 3) for k, v in steps(report).items()})


def main() -> None:
    """Measure, and write the results after each family."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="the folder for families.json and families.png")
    parser.add_argument("--only", nargs="+", metavar="FAMILY", help="measure only these again")
    parser.add_argument("--variants", type=int, default=VARIANTS)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    reports: list[dict[str, Any]] = []
    for family in options.only or names_of_families():
        report = measure(family, options.variants, options.workers)
        reports.append(report)
        _print(report)
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            path = options.out / FILE
            known = _merged(path, reports)
            path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
            if problem := write_picture(options.out / PICTURE, known):
                print(problem)


if __name__ == "__main__":
    main()

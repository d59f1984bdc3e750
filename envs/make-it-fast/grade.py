"""How much faster a program is than the one that it replaces, if each of its runs is right."""

import json
import math
from pathlib import Path

ENOUGH = 6.0
"""So many times faster counts as 1: beyond that, starting Python is most of what is left."""
LEAST = 1.2
"""So many times as fast each run must be beside the slow program's. Without it, a copy of the slow
program was paid for being measured on a busy machine: up to 1.3 times in the median of three."""


def grade_files(submission: Path, private: Path) -> tuple[float, dict[str, object]]:
    wanted = (private / "report.txt").read_bytes()
    found = json.loads((submission / "measurements.json").read_text())["sets"][0]
    runs = found["runs"]
    right = sum(is_right(submission / run["folder"] / "report.txt", wanted) for run in runs)
    parts: dict[str, object] = {"right runs": f"{right} of {len(runs)}"}
    ratio = found["time_ratio"]
    if ratio is None:
        return 0.0, parts
    faster = 1 / max(ratio, 1e-6)
    parts["times faster"] = round(faster, 2)
    if right < len(runs) or min(map(times_faster, runs)) < LEAST:
        return 0.0, parts
    return min(max(math.log(faster) / math.log(ENOUGH), 0.0), 1.0), parts


def times_faster(run: dict) -> float:
    """How many times as fast as the slow program beside it: by CPU or clock, whichever is less."""
    names = ("cpu_seconds", "wall_seconds")
    return min(run["reference"][name] / max(run[name], 1e-3) for name in names)


def is_right(path: Path, wanted: bytes) -> bool:
    if not path.is_file() or path.stat().st_size != len(wanted):
        return False
    return path.read_bytes() == wanted

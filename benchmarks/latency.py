"""What the environment itself costs, each figure beside what it should be compared with.

    python benchmarks/latency.py [--repeats 200] [--json FILE]

Medians of wall-clock time on this machine, now; the ratio is what carries over to another one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
from rich.console import Console
from rich.table import Table

import mle_gym

TASK = "mle/titanic-v0"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=200, help="of the quick measurements")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    rows = measure(arguments.repeats)
    table = Table("", "median ms", "compared with", "median ms", "ratio")
    for row in rows:
        table.add_row(
            str(row["what"]),
            f"{row['ms']:.2f}",
            str(row["beside"]),
            f"{row['beside_ms']:.2f}",
            f"{row['ratio']:.2f}",
        )
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


def measure(repeats: int) -> list[dict[str, object]]:
    """One row a figure: what, its median, what stands beside it, that median, their ratio."""
    mle_gym.prepare("titanic")
    env = gym.make(TASK, sandbox="bubblewrap", max_steps=10**6, time_limit=10**6)
    env.reset(seed=0)
    answers = (mle_gym.prepare("titanic").public / "sample_submission.csv").read_bytes()
    bash, python = ["bash", "-c", "true"], [sys.executable, "-c", "pass"]
    quick, slow = repeats, max(5, repeats // 20)
    rows = [
        row(
            "import gymnasium, mle_gym",
            lambda: run([sys.executable, "-c", "import gymnasium, mle_gym"]),
            "import gymnasium",
            lambda: run([sys.executable, "-c", "import gymnasium"]),
            slow,
        ),
        row(
            "reset, dataset prepared",
            lambda: env.reset(seed=0),
            "python -c pass",
            lambda: run(python),
            slow,
        ),
    ]
    env.reset(seed=0)
    rows += [
        row("step('true')", lambda: env.step("true"), "bash -c true", lambda: run(bash), quick),
        row(
            "step, write_file",
            lambda: env.step({"tool": "write_file", "path": "a", "content": "x"}),
            "bash -c true",
            lambda: run(bash),
            quick,
        ),
        row(
            "step, importing pandas and sklearn",
            lambda: env.step("python -c 'import pandas, sklearn.ensemble'"),
            "the same without a sandbox",
            lambda: run([sys.executable, "-c", "import pandas, sklearn.ensemble"]),
            5,
        ),
        row(
            "grade a Titanic submission",
            lambda: mle_gym.grade("titanic", answers),
            "bash -c true",
            lambda: run(bash),
            slow,
        ),
    ]
    env.close()
    return rows


def run(command: list[str]) -> None:
    """Run a process to its end."""
    subprocess.run(command, check=True, capture_output=True)


def row(
    what: str, ours: Callable[[], object], beside: str, theirs: Callable[[], object], repeats: int
) -> dict[str, object]:
    """Time two things in turns, so that a noisy machine treats both alike."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats + 1):
        for taken, call in zip(times, (ours, theirs), strict=True):
            started = time.perf_counter()
            call()
            if turn:
                taken.append((time.perf_counter() - started) * 1000)
    ms, beside_ms = (statistics.median(taken) for taken in times)
    return {
        "what": what,
        "ms": ms,
        "beside": beside,
        "beside_ms": beside_ms,
        "ratio": ms / beside_ms,
    }


if __name__ == "__main__":
    main()

"""A slow program is replaced by a fast one: the same report, and time that can't be faked."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.hooks import load_module
from tests.envs.graded_program import graded_program

FOLDER = load_task("make-it-fast").folder


@pytest.fixture(scope="module")
def made() -> ModuleType:
    return load_module(FOLDER / "generate.py")


def test_slow_and_fast_functions_write_the_same_lines(made: ModuleType) -> None:
    slow, fast = load_module(FOLDER / "report.py"), load_module(FOLDER / "solution.py")
    rng = np.random.default_rng(0)
    settings = made.draw_settings(rng) | {"last": 40, "waiting": 30}
    rows = made.events(rng, 250).astype({"event": str}).to_dict("records")
    for section in (*made.COMMON, *made.OTHERS):
        lines = getattr(fast, section)(rows, settings)
        assert lines == getattr(slow, section)(rows, settings), section
        assert len(set(lines)) > 2, section


def test_a_report_has_the_drawn_sections_and_no_other_functions(made: ModuleType) -> None:
    found = made.generate(np.random.default_rng(1), "micro", 0.5)
    sections = found.truth["sections"]
    assert len(sections) == 4
    program = found.public["report.py"]
    for section in (*made.COMMON, *made.OTHERS):
        assert (f"def {section}(" in program) == (section in sections)
    assert found.private["slow.py"] == program


def test_more_difficulty_adds_sections_to_the_same_ones(made: ModuleType) -> None:
    few, many = (made.draw_sections(np.random.default_rng(7), count) for count in (2, 6))
    assert set(few) < set(many)
    assert {*made.COMMON} & {*few}


# ---- the grade


def told(
    folder: Path, ratio: float | None, reports: list[str | None], wall: float = 0.0
) -> Path:  # fmt: skip
    """A folder as runs leave it: a report each, None where the run failed.

    The last run took the larger of the ratio and ``wall`` by the clock.
    """
    runs: list[dict[str, Any]] = []
    for number, report in enumerate(reports, start=1):
        run = f"1-{number}"
        runs.append({"folder": run, "error": "" if report is not None else "program_failed"})
        if report is not None:
            took = max(ratio or 0.0, wall if number == len(reports) else 0.0)
            runs[-1] |= {"cpu_seconds": ratio, "wall_seconds": took}
            runs[-1]["reference"] = {"cpu_seconds": 1.0, "wall_seconds": 1.0}
            (folder / run).mkdir()
            (folder / run / "report.txt").write_text(report)
    found = {"sets": [{"runs": runs, "time_ratio": ratio}]}
    (folder / "measurements.json").write_text(json.dumps(found))
    return folder


@pytest.mark.parametrize(
    ("ratio", "reports", "score"),
    [
        (1.0, ["right\n"] * 3, 0.0),
        (1.7, ["right\n"] * 3, 0.0),
        (1 / 6, ["right\n"] * 3, 1.0),
        (6**-0.5, ["right\n"] * 3, 0.5),
        (0.0, ["right\n"] * 3, 1.0),
        (0.1, ["right\n", "right\n", "wrong\n"], 0.0),
        (0.1, ["right\n", "right\n", "right"], 0.0),
        (0.1, ["right\n", None, "right\n"], 0.0),
        (None, [None, None, None], 0.0),
    ],
)
def test_each_report_must_be_right_to_the_byte(
    tmp_path: Path, ratio: float | None, reports: list[Any], score: float
) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (private / "report.txt").write_text("right\n")
    runs = tmp_path / "runs"
    runs.mkdir()
    grade_files = load_module(FOLDER / "grade.py").grade_files  # type: ignore[attr-defined]
    found, parts = grade_files(told(runs, ratio, reports), private)
    assert found == pytest.approx(score, abs=1e-9)
    assert parts["right runs"] == f"{reports.count('right' + chr(10))} of 3"


@pytest.mark.parametrize(("wall", "paid"), [(0.5, True), (0.8, True), (0.85, False), (1.1, False)])
def test_each_run_must_be_clearly_faster_than_the_slow_one_beside_it(
    tmp_path: Path, wall: float, *, paid: bool
) -> None:
    """Two copies of one program differ by a third on a busy machine, and nothing earns nothing."""
    (tmp_path / "report.txt").write_text("right\n")
    runs = tmp_path / "runs"
    runs.mkdir()
    grade_files = load_module(FOLDER / "grade.py").grade_files  # type: ignore[attr-defined]
    found, _ = grade_files(told(runs, 0.5, ["right\n"] * 3, wall), tmp_path)
    assert (found > 0) is paid


# ---- in real sandboxes


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return prepare(load_task("make-it-fast"), DatasetOptions(1, size="micro", difficulty=0.0))


FIND = "import os, shutil, sys\ntops = ('/workspace', '/tmp', '/home', '/root', '/work', '/var')\n"
CHEATS = {
    "looks for the report or the reference": FIND
    + "found = [os.path.join(at, name) for top in tops for at, _, names in os.walk(top)"
    " for name in names if name == 'slow.py' or (name == 'report.txt' and 'data' not in at)]\n"
    "shutil.copy(found[0] if found else 'data/report.txt', 'report.txt')",
    "keeps what the run before left": FIND + "for top in ('/tmp', '/dev/shm', '/var/tmp'):\n"
    "    if os.path.exists(top + '/kept'):\n        shutil.copy(top + '/kept', 'report.txt')\n"
    "        sys.exit()\n"
    "source = open('data/report.py').read()\nexec(source, {'__name__': '__main__'})\n"
    "for top in ('/tmp', '/dev/shm', '/var/tmp'):\n"
    "    if os.path.isdir(top):\n        shutil.copy('report.txt', top + '/kept')",
    "sets its own clock": (
        "import time, resource, os\n"
        "time.time = time.perf_counter = time.process_time = lambda: 0.0\n"
        "resource.getrusage = os.times = lambda *_: None\n"
        "exec(open('data/report.py').read(), {'__name__': '__main__'})"
    ),
}


@pytest.mark.bubblewrap
@pytest.mark.slow("programs and a reference run several times")
@pytest.mark.parametrize("cheat", CHEATS)
def test_nothing_but_less_work_is_faster(dataset: Dataset, cheat: str) -> None:
    grade = graded_program(dataset, CHEATS[cheat])
    # A program that does the same work may be a little faster by chance.
    assert not grade.valid or (grade.score or 0.0) < 0.2

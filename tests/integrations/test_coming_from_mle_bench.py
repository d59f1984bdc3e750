"""The page for MLE-bench's users: our commands run, and print what MLE-bench's own print.

The second is compared where there is a checkout: ``MLE_GYM_MLE_BENCH=PATH/TO/mle-bench``, and
``MLE_GYM_MLE_BENCH_PYTHON`` for a Python that has what its commands import.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mle_gym.integrations.mle_bench.published import competitions
from tests.docs.conftest import CHECKOUT
from tests.sandbox.docker_daemon import require
from tests.task_folders import own_cache  # noqa: F401

PAGE = CHECKOUT / "docs" / "coming-from-mle-bench.md"
RUNNER = CHECKOUT / "tests" / "docs" / "snippets.py"
TASK = "spooky-author-identification"
PLACES = {"gold": 10, "silver": 20, "bronze": 40, "median": 50}
"""Of a board with 99 teams, by Kaggle's rule for medals (the median of 99 is the 50th)."""


@pytest.fixture
def page(tmp_path: Path, own_cache: Path) -> Path:  # noqa: F811
    """The folder in which everything on the page was run."""
    folder = tmp_path / "page"
    folder.mkdir()
    command = [sys.executable, RUNNER, PAGE, "--folder", folder]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    (folder / "printed").write_text(result.stdout)
    return folder


@pytest.mark.bubblewrap
@pytest.mark.slow("a document's code takes a minute")
def test_everything_on_the_page_works(page: Path) -> None:
    (report,) = json_values((page / "printed").read_text(), "competition_id")
    assert (report["score"], report["silver_medal"]) == (0.24052, True)
    assert len((page / "handed-in" / "submissions.jsonl").read_text().splitlines()) == 2
    record = next((page / "runs" / "mine").rglob("variant0-seed0.jsonl"))
    header = json.loads(record.read_text().splitlines()[0])
    assert header["settings"]["conditions"] == "mle-bench"
    assert header["settings"]["time_limit"] == 24 * 3600


@pytest.mark.bubblewrap
@pytest.mark.slow("both benchmarks' programs run")
def test_both_command_lines_say_the_same(page: Path, checkout: Path) -> None:
    theirs = "".join(run_there(command, checkout, page) for command in their_commands())
    ours = (page / "printed").read_text()
    found, expected = json_values(ours, "competition_id"), json_values(theirs, "competition_id")
    assert without_time(found[0]) == without_time(expected[0])
    first = min((page / "our-reports").glob("*.json"))
    (their_file,) = (page / "their-reports").glob("*.json")
    found, expected = json.loads(first.read_text()), json.loads(their_file.read_text())
    for each in (found, expected):
        each["competition_reports"] = [without_time(one) for one in each["competition_reports"]]
    assert found == expected
    (averages,) = json_values(theirs, "num_seeds_averaged")
    command = ["aggregate", first, "--split", "low", "--pad-missing", "--json"]
    printed = subprocess.check_output([sys.executable, "-m", "mle_gym", *command], text=True)
    for name, metric in averages["metrics"].items():
        assert json.loads(printed)["metrics"][name] == pytest.approx(metric)


def without_time(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name != "created_at"}


def json_values(text: str, first: str) -> list[dict[str, Any]]:
    """The JSON objects in printed text that begin with a key."""
    starts = re.finditer(rf'\{{\s*"{first}"', text)
    return [json.JSONDecoder().raw_decode(text, start.start())[0] for start in starts]


def their_commands() -> list[str]:
    """MLE-bench's commands on the page that need neither Kaggle nor a container."""
    blocks = re.findall(r"^```text\n(\$ .*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    wanted = ("mlebench grade", "python experiments/aggregate_grading_reports.py --grading-reports")
    found = [line for line in lines if line.startswith(wanted)]
    assert len(found) == 3
    return found


def run_there(command: str, checkout: Path, folder: Path) -> str:
    """What one of MLE-bench's commands prints, run in the folder of the page."""
    python = shlex.quote(os.environ.get("MLE_GYM_MLE_BENCH_PYTHON", sys.executable))
    place = shlex.quote(str(checkout))
    command = re.sub("^mlebench", f"{python} -m mlebench.cli", command)
    command = command.replace("python experiments/", f"{python} {place}/experiments/")
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    result = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-3000:]
    lines = (result.stdout + result.stderr).splitlines()
    return "\n".join(re.sub(r"^\[.*?\] \[.*?\] ", "", line) for line in lines) + "\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout, whose leaderboard of the task has the published thresholds.

    The real one is in Git LFS, so few checkouts have it.
    """
    if "MLE_GYM_MLE_BENCH" not in os.environ:
        require("mle-bench", "MLE_GYM_MLE_BENCH names no checkout of MLE-bench")
    root = tmp_path / "mle-bench"
    for name in ("mlebench", "experiments"):
        shutil.copytree(Path(os.environ["MLE_GYM_MLE_BENCH"], name), root / name)
    known = competitions()[TASK].thresholds.to_dict()
    places = {place: known[name] for name, place in PLACES.items()}
    scores = [next(v for p, v in places.items() if n <= p or p == 50) for n in range(1, 100)]
    board = root / "mlebench" / "competitions" / TASK / "leaderboard.csv"
    board.write_text("score\n" + "".join(f"{score}\n" for score in [*scores[:-1], 9.0]))
    return root

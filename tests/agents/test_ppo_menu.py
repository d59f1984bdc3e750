"""The policy over a menu: as a program, and what it sees and may do."""

from __future__ import annotations

import csv
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.bundled_agent import bundled_agent
from mle_gym.paths import bundled
from tests.sandbox.docker_daemon import require

SCRIPT = bundled("agents") / "ppo_menu.py"
TINY = (
    "--episodes 4 --num-envs 2 --n-steps 8 --variants 2 --eval-variants 3 --max-steps 3 "
    "--sandbox bubblewrap"
)
pytestmark = [
    pytest.mark.slow("it imports PyTorch"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module", autouse=True)
def _with_stable_baselines() -> None:
    if importlib.util.find_spec("sb3_contrib") is None:
        require("sb3", "Stable-Baselines3 is not installed; scripts/test-training installs it")


@pytest.fixture(scope="module")
def agent() -> ModuleType:
    return bundled_agent("ppo_menu")


def test_decisions_build_on_one_another_and_only_those_that_change_something_may_be_taken(
    agent: ModuleType,
) -> None:
    menu = agent.Menu("t", ("run", "a", "c"), (1, 2), (("a", "b"), ("c", "d")), 0.0, 1.0)
    assert menu.entries == [(0, "a"), (0, "b"), (1, "c"), (1, "d")]
    assert menu.commands[1] == "export WORD_0=b; run ${WORD_0:-a} ${WORD_1:-c}"
    assert menu.allowed(()) == [True, True, True, True, False]
    assert menu.words((1, 3)) == ("b", "d")
    assert menu.allowed((1, 3)) == [True, False, True, False, True]


@pytest.mark.bubblewrap
def test_the_program_trains_and_is_judged(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, *TINY.split(), "--out", tmp_path],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["episodes"] >= 4
    episodes = summary["heldout"]["few-label-tuning"]
    assert [episode["variant"] for episode in episodes] == [-1, -2, -3]
    for episode in episodes:
        assert 1 <= len(episode["tries"]) <= 3
        assert 0 <= episode["score"] <= 1
    with (tmp_path / "log.csv").open() as file:
        assert [row["kind"] for row in csv.DictReader(file)][-1] == "held-out"
    assert (tmp_path / "policy.zip").exists()

"""The training script, run as its users run it, with tiny settings."""

from __future__ import annotations

import csv
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mle_gym.paths import bundled

SCRIPT = bundled("agents") / "reinforce.py"
TINY = [
    "--episodes",
    "6",
    "--num-envs",
    "3",
    "--eval-episodes",
    "3",
    "--variants",
    "2",
    "--max-steps",
    "5",
]


def train(out: Path) -> tuple[list[dict[str, str]], dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, SCRIPT, *TINY, "--sandbox", "bubblewrap", "--tasks", "zoo", "--out", out],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads((out / "summary.json").read_text())
    with (out / "log.csv").open() as file:
        return list(csv.DictReader(file)), summary


@pytest.mark.bubblewrap
@pytest.mark.slow("it trains twice")
def test_training_leaves_a_log_a_summary_and_a_picture_the_same_ones_every_time(
    tmp_path: Path,
) -> None:
    log, summary = train(tmp_path)
    assert [row["episodes"] for row in log] == ["3", "6"]
    assert all(0 <= float(row["return"]) <= 1 for row in log)
    assert float(log[0]["entropy"]) == pytest.approx(
        np.log(9), abs=1e-3
    )  # at the start it is uniform
    (result,) = summary["results"]
    assert (result["task"], result["seed"], summary["args"]["episodes"]) == ("zoo", 1, 6)
    for when in ("before", "after"):
        assert result[when]["episodes"] == 3
        assert 0 <= result[when]["mean"] <= 1
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")

    again, other = train(tmp_path / "again")
    assert [{**row, "seconds": ""} for row in again] == [{**row, "seconds": ""} for row in log]
    assert other["results"][0]["after"] == result["after"]


def test_the_policy_learns_what_pays_and_when() -> None:
    """Two situations. In each of them a different command is rewarded, and only sometimes."""
    spec = importlib.util.spec_from_file_location("reinforce", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    reinforce = importlib.util.module_from_spec(spec)
    sys.modules["reinforce"] = reinforce
    spec.loader.exec_module(reinforce)
    policy = reinforce.Policy(2, seed=0)
    situations = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    paid, luck = [2, 5], np.random.default_rng(0)
    np.testing.assert_allclose(policy.probabilities(situations), 1 / 9)
    for _ in range(60):
        episodes = []
        for _ in range(8):
            actions = policy.sample(situations)
            earned = np.mean(actions == paid) * luck.integers(0, 2)
            episodes.append(reinforce.Episode(list(situations), actions.tolist(), float(earned)))
        policy.update(episodes, rate=0.2, bonus=0.01)
    assert (policy.probabilities(situations)[[0, 1], paid] > 0.8).all()


def test_help_names_every_setting_with_its_default() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    for option in ("--tasks", "--seeds", "--learning-rate", "--entropy", "--variants"):
        assert option in done.stdout
    assert "default: titanic" in done.stdout

"""``eval`` and ``compare`` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.conftest import Command

pytestmark = pytest.mark.usefixtures("sandbox")

AGENT = """
class Sample:
    def reset(self, observation, info): pass
    def act(self, observation, info):
        return "cp data/sample_submission.csv submission.csv && submit"

class Lost(Sample):
    def act(self, observation, info):
        raise LookupError("nothing comes to mind")
"""


@pytest.fixture
def agents(coins: Path) -> str:
    """Two agents, and a task to play."""
    Path("my.py").write_text(AGENT)
    return "my.py:Sample,my.py:Lost"


def test_an_evaluation_prints_tables_and_leaves_files(
    command: Command, coins: Path, agents: str
) -> None:
    words = ["eval", "--agents", agents, "--tasks", coins, "--out", "run", "--env", "warm=false"]
    result = command(*words, "--seeds", "2")
    assert result.code == 0  # an agent's failure is a result
    for shown in ("my-Sample", "2 of 2", "2 by the agent", "p (Holm)"):
        assert shown in result.out
    assert "nothing comes to mind" in result.err
    summary = json.loads(Path("run/summary.json").read_text())
    assert summary["counts"] == {
        "planned": 4, "graded": 2, "agent_failed": 2, "failed": 0, "missing": 0, "valid": 2,
        "suspicious": 0, "violation": 0,
    }  # fmt: skip
    assert list(pd.read_csv("run/results.csv")["agent"]) == ["my-Sample", "my-Lost"] * 2
    assert command(*words, "--seeds", "2").code == 2  # the folder is taken
    again = command("eval", "--resume", "--out", "run", "--json")
    assert "0 of 4 episodes to play" in again.err
    assert again.json["counts"] == summary["counts"]
    compared = command("compare", "run", "run", "--json")
    assert [each["pairs"] for each in compared.json] == [2, 2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name agents and tasks"),
        (["--agents", "my.py:Sample"], "--tasks or --suite"),
        (["plan.toml", "--agents", "my.py:Sample"], "not both"),
        (["--agents", "nobody", "--tasks", "titanic"], "no agent is called"),
        (["--agents", "random", "--tasks", "titanic", "--variants", "x"], "heldout:5"),
        (["--agents", "random", "--tasks", "titanic", "--env", "colour=red"], "no argument"),
        (["--agents", "random", "--tasks", "titanic", "--engine", "cart"], "local or ray"),
        (["--agents", "random", "--tasks", "titanic", "--address", "x"], "--engine ray"),
        (["--resume", "--out", "nowhere"], "no plan.json"),
    ],
)
def test_what_can_not_be_played_is_said_before_anything_is(
    command: Command, agents: str, words: list[str], message: str
) -> None:
    result = command("eval", *words)
    assert result.code == 2
    assert message in result.err
    assert not Path("runs").exists()

"""No rule matches honest agents: the bundled ones, on every task whose data are bundled."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import mle_gym
from mle_gym.agents import load_agent
from mle_gym.paths import bundled
from mle_gym.tasks.catalog import load_task, task_folders
from tests.tiers import few_quick
from tests.trajectories.audit.conftest import Audited
from tests.trajectories.verify.conftest import Scripted
from tests.with_data import needs_data

WITH_DATA = sorted(name for name in task_folders() if load_task(name).data.loader != "kaggle")
COMPETITIONS = sorted(set(task_folders()) - set(WITH_DATA))


def played(name: str, program: str) -> list[Any]:
    """The actions of the agent with that name."""
    content = (load_task(name).folder / program).read_text()
    return [
        {"tool": "write_file", "path": program, "content": content},
        f"python {program} && submit",
    ]


@pytest.mark.parametrize("program", ["baseline.py", "solution.py"])
@pytest.mark.parametrize(
    "name",
    few_quick(WITH_DATA, ("titanic", "iris-pipeline", "fraud"), "it prepares every task"),
)
def test_bundled_programs_match_no_rule(audited: Audited, name: str, program: str) -> None:
    needs_data(name)
    task = load_task(name)
    answers = mle_gym.prepare(name).private / "answers.csv"
    # A program whose runs are measured leaves no predictions that could be compared.
    lines = answers.read_text().splitlines() if answers.is_file() else []
    rows = [row.rpartition(",")[0] for row in lines]
    actions = played(name, program)
    result = audited(*actions, task=task.id, submission="\n".join(rows))
    assert {finding.check for finding in result.findings} <= {"known-answers"}


@pytest.mark.parametrize("name", COMPETITIONS)
def test_baselines_of_competitions_match_no_rule(audited: Audited, name: str) -> None:
    assert audited(*played(name, "baseline.py"), task=name, submission=None).findings == ()


@pytest.mark.bubblewrap
@pytest.mark.slow("it plays an episode with each agent")
def test_episodes_of_bundled_agents_match_no_rule(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("menu", bundled("agents") / "reinforce.py")
    assert spec is not None
    assert spec.loader is not None
    reinforce = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(importlib.import_module("sys").modules, "menu", reinforce)
        spec.loader.exec_module(reinforce)
    choices = [reinforce.MENU[at] for at in (1, 3, 5)]
    agents = {
        "reinforce": Scripted((*choices, reinforce.TRAIN)),
        "baseline": load_agent("baseline"),
    }
    with contextlib.closing(gymnasium.make("mle/zoo-v0", sandbox="bubblewrap")) as env:
        for name, agent in agents.items():
            path = tmp_path / f"{name}.jsonl"
            assert mle_gym.rollout(env, agent, seed=0, path=path).grade["valid"]
            result = mle_gym.audit_trajectory(path)
            assert (result.findings, result.unread) == ((), 0)
            assert result.worst is None


def test_numbers_of_a_menu_are_said_to_be_unread(audited: Audited) -> None:
    result = audited(3, 1, "submit")
    assert (result.actions, result.unread) == (3, 2)

"""The agents that play a task's own programs, on real tasks in a real sandbox."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from mle_gym.agents import Agent, ProgramAgent, load_agent
from mle_gym.env import MLEEnv
from mle_gym.errors import AgentError
from mle_gym.tasks.catalog import load_task, task_folders
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.trajectory import Trajectory
from tests.sandbox.conftest import eventually

pytestmark = pytest.mark.bubblewrap


def play(task: str | Path, agent: Agent) -> Trajectory:
    with contextlib.closing(MLEEnv(str(task), sandbox="bubblewrap")) as env:
        return rollout(env, agent, seed=0)


@pytest.fixture
def own_task(tmp_path: Path) -> Path:
    """The folder of a user's task: a copy of zoo whose solution fails."""
    folder = tmp_path / "tasks" / "menagerie"
    shutil.copytree(task_folders()["zoo"], folder)
    toml = folder / "task.toml"
    toml.write_text(toml.read_text().replace('id = "zoo"', 'id = "menagerie"', 1))
    (folder / "solution.py").write_text("print('working', flush=True)\nraise SystemExit('no luck')")
    return folder


@pytest.mark.parametrize("name", ["baseline", "solution"])
def test_a_task_s_own_program_is_submitted(name: str) -> None:
    trajectory = play("zoo", load_agent(name))
    reference = load_task("zoo").reference
    assert reference is not None
    assert trajectory.header["agent"] == name
    assert trajectory.steps[-1].terminated
    assert trajectory.grade is not None
    assert trajectory.grade["score"] == pytest.approx(getattr(reference, name), abs=0.05)


def test_a_program_that_fails_is_not_submitted_and_explained(
    own_task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLE_GYM_PATH", str(own_task.parent))
    trajectory = play("menagerie", load_agent("solution"))
    assert trajectory.grade is None
    assert trajectory.left is not None
    assert "working\nno luck" in trajectory.left
    assert len(trajectory.steps) == 2


def test_a_task_outside_the_catalog_is_named(own_task: Path) -> None:
    with pytest.raises(AgentError, match=r"'menagerie' is not in the catalog.*register_tasks"):
        play(own_task, load_agent("solution"))


def test_a_task_without_the_program_is_named(
    own_task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLE_GYM_PATH", str(own_task.parent))
    (own_task / "baseline.py").unlink()
    with pytest.raises(AgentError, match=r"'menagerie' has no baseline\.py"):
        play("menagerie", load_agent("baseline"))


def test_any_program_can_be_played(own_task: Path) -> None:
    trajectory = play(own_task, ProgramAgent(own_task / "baseline.py"))
    assert trajectory.grade is not None
    assert trajectory.grade["valid"]


@pytest.mark.slow("it waits for all libraries to be imported")
def test_an_episode_is_warm() -> None:
    agent = load_agent("solution")
    with contextlib.closing(MLEEnv("titanic", sandbox="bubblewrap")) as env:
        observation, info = env.reset(seed=0)
        assert eventually(lambda: env.step("python -c 1")[4]["execution"]["cold"] == "")
        agent.reset(observation, info)
        terminated, cold = False, []
        while not terminated:
            observation, _, terminated, _, info = env.step(agent.act(observation, info))
            cold.append(info["execution"]["cold"])
    assert set(cold) == {""}
    assert info["grade"]["valid"]

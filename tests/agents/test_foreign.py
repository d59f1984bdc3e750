"""Agents that are programs of their own, and the bridges to other projects' agents."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import mle_gym
from mle_gym.agents import LeaveEpisode, load_agent
from mle_gym.env import MLEEnv
from mle_gym.errors import AgentError
from mle_gym.integrations import foreign_agents
from mle_gym.trajectories.spending import spent_in
from mle_gym.trajectories.trajectory import Trajectory
from tests.agents.foreign_stubs import write_stubs
from tests.sandbox.conftest import eventually

ECHO = """
import json, sys
for line in sys.stdin:
    told = json.loads(line)
    turn = {"tokens": told["steps_left"]}
    print(json.dumps({"action": told["output"], "turn": turn}), flush=True)
"""


def observed(output: str, seconds: float = 100.0) -> dict[str, Any]:
    return {"output": output, "exit_code": 0, "steps_left": 7, "seconds_left": np.array([seconds])}


def agent_of(folder: Path, program: str) -> Any:
    file = folder / "agent.py"
    file.write_text(program)
    agent = load_agent("foreign", command=f"{sys.executable} {file}")
    agent.reset(observed("brief"), {})
    return agent


@pytest.fixture
def stubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(write_stubs(tmp_path / "stubs")))


# ---- programs of one's own


def test_a_program_reads_observations_and_writes_actions(tmp_path: Path) -> None:
    agent = agent_of(tmp_path, ECHO)
    assert agent.act(observed("ls\nöß"), {"task": "titanic"}) == "ls\nöß"
    assert agent.turn == {"tokens": 7}
    assert agent.act(observed("pwd"), {}) == "pwd"


@pytest.mark.parametrize(
    ("program", "raised", "message"),
    [
        ('input(); print(\'{"leave": "enough"}\')', LeaveEpisode, "enough"),
        ("input()", LeaveEpisode, "the program ended"),
        ("raise SystemExit('out of ideas')", AgentError, "failed: out of ideas"),
        ("input(); print('ls')", AgentError, 'such as {"action": "ls"}'),
        ("input(); print('{\"action\": 3}')", AgentError, "found"),
        ("import time; time.sleep(60)", LeaveEpisode, "did not answer in time"),
    ],
)
def test_a_program_that_stops_is_told_apart_from_one_that_fails(
    tmp_path: Path, program: str, raised: type[Exception], message: str
) -> None:
    seconds = 0.2 if "sleep" in program else 100.0
    with pytest.raises(raised) as caught:
        agent_of(tmp_path, program).act(observed("brief", seconds), {})
    assert message in str(caught.value)


FORKS = """
import json, os, time
input()
if os.fork() == 0:
    time.sleep(60)
print(json.dumps({"action": str(os.getpgid(0))}), flush=True)
time.sleep(60)
"""


def test_a_program_and_what_it_started_end_with_the_next_episode(tmp_path: Path) -> None:
    agent = agent_of(tmp_path, FORKS)
    group = int(agent.act(observed("brief"), {}))
    assert alive(group)
    agent.reset(observed("brief"), {})
    assert eventually(lambda: not alive(group))


def alive(group: int) -> bool:
    """Whether a group of processes has a member."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "name a command, or a bridge: mini-swe-agent, aide"),
        ({"command": "ls", "bridge": "aide"}, "name a command, or a bridge"),
        ({"bridge": "adie"}, "no bridge is called 'adie'"),
    ],
)
def test_what_to_play_must_be_named(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(AgentError, match=message):
        load_agent("foreign", **arguments)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(AgentError, match="no-such-program"):
        load_agent("foreign", command="no-such-program").reset(observed("brief"), {})


# ---- bridges


def test_a_python_without_the_package_says_so() -> None:
    agent: Any = load_agent("foreign", bridge="aide", python=sys.executable)
    agent.reset(observed("brief"), {})
    with pytest.raises(AgentError, match="can't play it: No module named 'aide'"):
        agent.act(observed("brief"), {})


def test_what_configurations_set_for_other_environments_is_swallowed() -> None:
    environment = foreign_agents.MiniSweEnvironment(
        cast("foreign_agents.Channel", None), env={"PAGER": "cat"}, cwd="/testbed", timeout=60
    )
    assert environment.get_template_vars(task="x") == {"task": "x"}
    assert environment.serialize() == {}


def play(make: Callable[..., MLEEnv], **arguments: Any) -> Trajectory:
    agent = load_agent("foreign", python=sys.executable, model="m", **arguments)
    return mle_gym.rollout(make(), agent, seed=0)


@pytest.mark.bubblewrap
@pytest.mark.slow("it plays whole episodes")
@pytest.mark.usefixtures("stubs")
def test_mini_swe_agent_plays_by_its_bridge(make: Callable[..., MLEEnv]) -> None:
    agent = load_agent("foreign", bridge="mini-swe-agent", python=sys.executable, model="openai/m")
    trajectory = mle_gym.rollout(make(), agent, seed=0)
    assert [step.action["command"] for step in trajectory.steps][1:] == ["false", "submit"]
    assert trajectory.steps[-1].terminated
    assert trajectory.grade is not None
    assert trajectory.grade["valid"]
    spent = spent_in(trajectory)
    assert (spent.calls, spent.tokens, spent.cost) == (3, 330, None)
    assert trajectory.steps[0].turn is not None
    assert trajectory.steps[0].turn["text"] == "I work."


@pytest.mark.bubblewrap
@pytest.mark.slow("it plays whole episodes")
@pytest.mark.usefixtures("stubs")
def test_a_limit_hands_in_what_mini_swe_agent_wrote(make: Callable[..., MLEEnv]) -> None:
    agent = load_agent(
        "foreign", bridge="mini-swe-agent", python=sys.executable, model="openai/m", steps=2
    )
    trajectory = mle_gym.rollout(make(), agent, seed=0)
    assert trajectory.left == "mini-swe-agent: LimitsExceeded"
    assert trajectory.grade is not None
    assert trajectory.grade["valid"]


@pytest.mark.bubblewrap
@pytest.mark.slow("it plays whole episodes")
@pytest.mark.usefixtures("stubs")
def test_the_best_program_of_aide_is_handed_in(make: Callable[..., MLEEnv]) -> None:
    trajectory = play(make, bridge="aide", steps=3)
    assert trajectory.left == "AIDE is done"
    assert trajectory.grade is not None
    assert trajectory.grade["valid"]
    ran = [step for step in trajectory.steps if "python runfile.py" in str(step.action)]
    assert [step.observation["exit_code"] for step in ran] == [1, 0, 1, 0]


@pytest.mark.bubblewrap
@pytest.mark.slow("it plays an episode")
@pytest.mark.usefixtures("stubs")
def test_aide_without_a_program_that_works_says_so(make: Callable[..., MLEEnv]) -> None:
    trajectory = play(make, bridge="aide", steps=1)
    assert trajectory.left == "AIDE found no program that works"
    assert trajectory.grade is None or not trajectory.grade["valid"]

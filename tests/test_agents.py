"""Finding agents: by name, by file, and with errors that help."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import pytest

from mle_gym.agents import Agent, agent_names, load_agent
from mle_gym.errors import AgentError, MleGymError
from mle_gym.trajectories.rollout import rollout

TWO = """
from dataclasses import dataclass

@dataclass
class Calm:
    patience: int = 3
    def reset(self, observation, info): pass
    def act(self, observation, info): return "sleep 1"

class Rash:
    def reset(self, observation, info): pass
    def act(self, observation, info): return "submit"

class Helper:
    def act(self): pass
"""


ONE = """
from fractions import Fraction
class Rash:
    def reset(self, observation, info): pass
    def act(self, observation, info): return "submit"
"""


@pytest.fixture
def two(tmp_path: Path) -> Path:
    file = tmp_path / "two.py"
    file.write_text(TWO)
    return file


def test_the_bundled_agents_are_known_by_name_and_scripts_are_not() -> None:
    assert {"baseline", "human", "random", "solution"} <= set(agent_names())
    assert not {"evaluate", "evolve", "ppo_menu", "reinforce"} & set(agent_names())


@pytest.mark.parametrize("name", ["baseline", "human", "random", "solution"])
def test_a_bundled_agent_loads(name: str) -> None:
    agent = load_agent(name)
    assert isinstance(agent, Agent)
    assert agent.name == name  # type: ignore[attr-defined]


def test_no_bundled_file_shadows_a_standard_module() -> None:
    folder = Path(__file__).parents[1] / "agents"
    assert not {path.stem for path in folder.glob("*.py")} & sys.stdlib_module_names


def test_a_class_in_a_file_is_loaded_with_its_arguments(two: Path) -> None:
    agent = load_agent(f"{two}:Calm", patience=5)
    assert agent.patience == 5  # type: ignore[attr-defined]
    assert agent.act({}, {}) == "sleep 1"
    assert pickle.loads(pickle.dumps(agent)) == agent


def test_the_class_may_be_left_out_when_there_is_one(two: Path) -> None:
    two.write_text(ONE)
    assert load_agent(str(two)).act({}, {}) == "submit"


def test_a_relative_file_is_found(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two.parent)
    assert load_agent("two.py:Rash").act({}, {}) == "submit"
    assert load_agent("./two.py:Rash").act({}, {}) == "submit"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("solutoin", "no agent is called 'solutoin'; did you mean 'solution'?"),
        ("zzz", "known: baseline, expert, foreign, human, hunter, random, react, solution"),
        ("evaluate", "no agent is called 'evaluate'"),
        ("../agents/solution", "no agent file at "),
        ("", "no agent is called ''"),
    ],
)
def test_an_unknown_name_gets_the_nearest_ones(name: str, message: str) -> None:
    with pytest.raises(AgentError) as caught:
        load_agent(name)
    assert message in str(caught.value)
    assert isinstance(caught.value, MleGymError | ValueError)


@pytest.mark.parametrize(
    ("class_name", "message"),
    [
        ("", r"one class with reset and act, found Calm, Rash \(name one: two.py:Calm\)"),
        (":Clam", "a class Clam with reset and act, found Calm, Rash"),
        (":Helper", "a class Helper with reset and act, found Calm, Rash"),
        (":Path", "a class Path with reset and act"),
    ],
)
def test_a_file_without_that_agent_says_which_it_has(
    two: Path, class_name: str, message: str
) -> None:
    with pytest.raises(AgentError, match=message):
        load_agent(f"{two}{class_name}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = ", "SyntaxError"),
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("x = 1", "found none"),
    ],
)
def test_a_file_that_fails_is_named_with_its_error(
    tmp_path: Path, content: str, message: str
) -> None:
    file = tmp_path / "broken.py"
    file.write_text(content)
    with pytest.raises(AgentError, match=message) as caught:
        load_agent(str(file))
    assert str(file) in str(caught.value)


def test_wrong_arguments_are_answered_with_the_right_ones(two: Path) -> None:
    with pytest.raises(AgentError, match=r"unexpected keyword argument 'speed'.*: patience"):
        load_agent(f"{two}:Calm", speed=3)
    with pytest.raises(AgentError, match="its arguments: none"):
        load_agent("solution", seed=1)


def test_other_packages_offer_agents_by_entry_point(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = two.parent / "others-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    points = "[mle_gym.agents]\nrash = two:Rash\nsolution = two:Rash\n"
    (metadata / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(two.parent))
    assert load_agent("rash").act({}, {}) == "submit"
    assert "rash" in agent_names()
    assert (
        type(load_agent("solution")).__name__ == "SolutionAgent"
    )  # another package can't replace ours


def test_random_agents_with_the_same_seed_act_alike() -> None:
    def acts(seed: int) -> list[str]:
        agent = load_agent("random", seed=seed)
        agent.reset({}, {})
        return [str(agent.act({}, {})) for _ in range(20)]

    assert acts(1) == acts(1)
    assert acts(1) != acts(2)


def test_a_random_agent_samples_the_space_it_is_given() -> None:
    with gym.make("CartPole-v1") as env:
        agent = load_agent("random", seed=0, space=env.action_space)
        assert {step.action for step in rollout(env, agent, seed=0).steps} == {0, 1}


def test_finding_agents_imports_no_heavy_library() -> None:
    program = """
import sys
from mle_gym.agents import agent_names, load_agent
agent_names(), load_agent("solution")
print({"pandas", "sklearn", "docker", "rich", "pydantic"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr

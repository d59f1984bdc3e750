"""An agent that only tries exploits: here none pays, and where answers lie open one does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mle_gym.agents import agent_class, load_agent
from mle_gym.grading.grade import Grade
from mle_gym.make_env import make
from mle_gym.paths import cache_folder
from mle_gym.tasks.catalog import register_tasks
from mle_gym.trajectories.rollout import rollout
from tests.task_folders import MakeTask, make_task, own_cache  # noqa: F401

EXPLOITS: dict[str, str] = vars(sys.modules[agent_class("hunter").__module__])["EXPLOITS"]
SEARCHES = {"files", "cache", "packages", "parents", "environment", "other-roots", "memory"}
"""They read all that there is, which takes minutes; ``mle-gym eval --agents hunter`` tries them."""
QUICK = ("link", "code-in-cells")
Hunt = Callable[..., Grade | None]


@pytest.fixture
def hunt(make_task: MakeTask, own_cache: Path) -> Hunt:  # noqa: F811
    # In a cache of its own, since other tests have answers to this task too, of other data.
    task = make_task()
    register_tasks(task)

    def play(exploit: str, script: str | None = None, **arguments: Any) -> Grade | None:
        agent = load_agent("hunter", exploit=exploit, script=script)
        with make(str(task), score_ci=True, **arguments) as env:
            trajectory = rollout(env, agent, seed=0)
        return trajectory.grade and Grade.from_dict(trajectory.grade)

    return play


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    "exploit",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow("one of many exploits"))
        for name in EXPLOITS
        if name not in SEARCHES
    ],
)
def test_no_exploit_is_paid(hunt: Hunt, exploit: str) -> None:
    grade = hunt(exploit)
    assert grade is None or not grade.beats_luck
    assert grade is None or not grade.anchored


@pytest.mark.filterwarnings("ignore:sandbox='subprocess' isolates nothing")
def test_without_a_wall_the_answers_are_found_and_paid(hunt: Hunt) -> None:
    """The control: the hunter would notice."""
    grade = hunt("cache", f"python harvest.py out.csv {cache_folder()}", sandbox="subprocess")
    assert grade is not None
    assert grade.score == 1.0
    assert grade.beats_luck


@pytest.mark.bubblewrap
def test_the_same_command_finds_nothing_behind_the_wall(hunt: Hunt) -> None:
    grade = hunt("cache", f"python harvest.py out.csv {cache_folder()}")
    assert grade is not None
    assert not grade.beats_luck


def test_a_seed_chooses_the_exploit() -> None:
    names = {load_agent("hunter", seed=seed).exploit for seed in range(len(EXPLOITS))}  # type: ignore[attr-defined]
    assert names == set(EXPLOITS)

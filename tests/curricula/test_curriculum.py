from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mle_gym
from mle_gym.curricula import Curriculum
from mle_gym.errors import TaskError
from tests.task_folders import MakeTask

pytestmark = pytest.mark.usefixtures("springs")


@pytest.fixture
def three(springs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three families that may be trained on; the tests need nothing of them but their names."""
    folders = {name: springs for name in ("hard", "easy", "mixed")}
    monkeypatch.setattr("mle_gym.tasks.suites.task_folders", lambda: folders)
    from mle_gym.tasks.catalog import load_task

    task = load_task(springs)
    tasks = [task.with_fields({"id": name}) for name in folders]
    monkeypatch.setattr("mle_gym.curricula.curriculum.tasks_of", lambda *_, **__: tasks)


RETURNS: dict[str, Sequence[float]] = {
    "hard": (0, 0, 0, 0), "easy": (1, 1, 1, 1), "mixed": (1, 0, 1, 0)
}  # fmt: skip


def _played(curriculum: Curriculum, rng: np.random.Generator, groups: int) -> list[dict[str, Any]]:
    drawn = []
    for _ in range(groups):
        drawn.append(curriculum.sample(rng))
        curriculum.update(drawn[-1], RETURNS[drawn[-1]["task"]])
    return drawn


@pytest.mark.usefixtures("three")
def test_families_are_drawn_by_what_can_be_learned_from_them() -> None:
    curriculum = Curriculum("micro", explore=0.3)
    even = curriculum.probabilities()
    assert list(even.values()) == pytest.approx([1 / 3] * 3)
    _played(curriculum, np.random.default_rng(0), 120)
    found = curriculum.probabilities()
    assert found["mixed"] > 0.75
    assert found["hard"] >= 0.1 - 1e-9  # exploration
    assert found["easy"] >= 0.1 - 1e-9
    assert sum(found.values()) == pytest.approx(1)


@pytest.mark.usefixtures("three")
def test_difficulty_rises_where_the_agent_succeeds_and_nowhere_else() -> None:
    curriculum = Curriculum("micro", level=0.2, step=0.1, patience=2, explore=1)
    _played(curriculum, np.random.default_rng(0), 300)
    state = curriculum.state()
    assert state["easy"]["level"] == 1
    assert state["hard"]["level"] == 0.2
    assert state["mixed"]["level"] == 0.2


def test_only_groups_at_the_highest_difficulty_raise_it() -> None:
    curriculum = Curriculum("micro", level=0.5, patience=1)
    easier = {"task": "springs", "difficulty": 0.3}
    curriculum.update(easier, [1.0, 1.0])
    assert curriculum.state()["springs"]["level"] == 0.5
    curriculum.update(easier | {"difficulty": 0.5}, [1.0, 0.9])
    assert curriculum.state()["springs"]["level"] == 0.6


def test_tasks_are_drawn_up_to_the_level_and_never_held_out_ones() -> None:
    curriculum = Curriculum("micro", level=0.5, width=0.2)
    rng = np.random.default_rng(0)
    drawn = [curriculum.sample(rng) for _ in range(40)]
    assert {each["task"] for each in drawn} == {"springs"}
    assert all(0.3 <= each["difficulty"] <= 0.5 for each in drawn)
    assert all(each["variant"] > 0 for each in drawn)
    assert {each["size"] for each in drawn} == {"micro"}
    assert mle_gym.make(**drawn[0]).settings.difficulty == drawn[0]["difficulty"]


@pytest.mark.usefixtures("three")
def test_a_checkpoint_continues_where_it_was() -> None:
    curriculum, rng = Curriculum("micro"), np.random.default_rng(0)
    _played(curriculum, rng, 50)
    restored = Curriculum("micro")
    restored.load_state(json.loads(json.dumps(curriculum.state())))
    twins = (np.random.default_rng(1), np.random.default_rng(1))
    expected = _played(curriculum, twins[0], 50)
    assert _played(restored, twins[1], 50) == expected
    assert restored.state() == curriculum.state()


def test_families_that_a_checkpoint_does_not_know_begin_anew() -> None:
    curriculum = Curriculum("micro", level=0.3)
    curriculum.load_state({"gone": {"level": 1.0}})
    assert curriculum.state()["springs"]["level"] == 0.3


def test_what_cannot_be_a_curriculum_is_refused(make_task: MakeTask) -> None:
    with pytest.raises(TaskError, match="no family for training"):
        Curriculum("heldout-families")
    with pytest.raises(ValueError, match="explore must be from 0 to 1"):
        Curriculum("micro", explore=2)
    with pytest.raises(ValueError, match="patience"):
        Curriculum("micro", patience=0)

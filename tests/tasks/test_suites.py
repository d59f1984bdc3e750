from __future__ import annotations

import pytest

from mle_gym.errors import TaskError
from mle_gym.tasks.catalog import register_tasks
from mle_gym.tasks.suites import HELD_OUT_FAMILIES, SUITES, find_suite, tasks_of
from tests.learnable_family import FILES, LEARNABLE
from tests.task_folders import MakeTask


def test_suites_sort_the_built_in_tasks() -> None:
    classic = {task.id for task in tasks_of("classic")}
    assert {"titanic", "wine"} <= classic
    assert "iris-pipeline" not in classic
    assert "iris-pipeline" in {task.id for task in tasks_of("engineer")}
    lite = {task.id for task in tasks_of("lite")}
    assert len(lite) == 22
    assert lite <= {task.id for task in tasks_of("mle-bench")}
    assert lite.isdisjoint(classic)


@pytest.mark.usefixtures("clean_registry")
def test_a_family_of_ones_own_joins_the_suites(make_task: MakeTask) -> None:
    register_tasks(make_task(LEARNABLE, files=FILES, folder="springs"))
    assert "springs" in {task.id for task in tasks_of("everyday")}
    assert "springs" in {task.id for task in tasks_of("micro", training=True)}
    assert "springs" not in {task.id for task in tasks_of("heldout-families")}


def test_nothing_trains_on_held_out_families() -> None:
    for name in SUITES:
        assert HELD_OUT_FAMILIES.isdisjoint(task.id for task in tasks_of(name, training=True))


@pytest.mark.usefixtures("clean_registry")
def test_a_held_out_family_is_reported_on_and_never_trained_on(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_tasks(make_task(LEARNABLE, files=FILES, folder="springs"))
    monkeypatch.setattr("mle_gym.tasks.suites.HELD_OUT_FAMILIES", frozenset({"springs"}))
    assert [task.id for task in tasks_of("heldout-families")] == ["springs"]
    assert "springs" in {task.id for task in tasks_of("everyday")}
    for name in SUITES:
        assert "springs" not in {task.id for task in tasks_of(name, training=True)}


def test_a_mistyped_suite_is_named_with_the_nearest() -> None:
    with pytest.raises(TaskError, match="everyday"):
        find_suite("evryday")

"""Parity and strict grading speak of the same columns, in every built-in competition."""

from __future__ import annotations

import pytest

from mle_gym.grading.parity import RULES
from mle_gym.integrations.mle_bench.published import competitions
from mle_gym.tasks.catalog import load_task, task_folders

BUILT_IN = sorted(RULES.keys() & task_folders().keys())


@pytest.mark.parametrize("competition", BUILT_IN)
def test_a_rule_names_the_columns_of_its_task(competition: str) -> None:
    task, rule = load_task(competition), RULES[competition]
    assert rule.key == task.submission.id
    if rule.targets:
        assert set(rule.targets) == set(task.submission.predicted)


@pytest.mark.parametrize("competition", BUILT_IN)
def test_a_task_has_the_published_thresholds(competition: str) -> None:
    task, published = load_task(competition), competitions()[competition]
    assert task.medals.thresholds == published.thresholds.to_dict()
    assert task.grade.higher_is_better == published.higher_is_better
    assert task.data.ref == competition

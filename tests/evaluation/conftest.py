"""A small task, and plans of agents that play it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mle_gym.evaluation.plan import Plan, plan_of
from tests.task_folders import MakeTask, make_task  # noqa: F401

AGENTS = Path(__file__).with_name("agents_that_fail.py")
MakePlan = Callable[..., Plan]


@pytest.fixture
def plan(make_task: MakeTask) -> MakePlan:  # noqa: F811
    """Makes a plan in which the agents of ``agents_that_fail.py`` play a small task."""
    folder = make_task()

    def make(*agents: str, **values: Any) -> Plan:
        budgets = values.pop("budgets", {})
        entries = [
            {"name": name, "agent": f"{AGENTS}:{name}", "budget": budgets.get(name, {})}
            for name in agents
        ]
        # No agent here runs Python, so nothing needs to be imported ahead for it.
        values["environment"] = {"warm": False} | values.get("environment", {})
        return plan_of({"agents": entries, "tasks": [str(folder)], **values})

    return make

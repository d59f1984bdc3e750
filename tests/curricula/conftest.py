"""A family, registered for a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from mle_gym.tasks.catalog import register_tasks
from tests.learnable_family import FILES, LEARNABLE
from tests.task_folders import MakeTask, clean_registry, make_task  # noqa: F401


@pytest.fixture
def springs(clean_registry: None, make_task: MakeTask, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    """Two families, one of which is held out; the bundled ones are not looked at."""
    names = ("springs", "levers")
    folders = {}
    for name in names:
        changes = LEARNABLE | {"id": name}
        folders[name] = make_task(changes, files=FILES, folder=name)
        register_tasks(folders[name])
    monkeypatch.setattr("mle_gym.tasks.suites.task_folders", lambda: folders)
    monkeypatch.setattr("mle_gym.tasks.suites.HELD_OUT_FAMILIES", frozenset({"levers"}))
    return folders["springs"]

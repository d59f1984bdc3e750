"""The tasks that tests make in a temporary folder."""

from __future__ import annotations

from tests.task_folders import clean_registry, make_task, own_cache  # noqa: F401

"""Tests of every task: those whose data can't be had on this machine are skipped."""

from __future__ import annotations

from pathlib import Path

from mle_gym.datasets.availability import availability
from mle_gym.tasks.catalog import load_task
from tests.sandbox.docker_daemon import require

__all__ = ["needs_data"]


def needs_data(task: str | Path) -> None:
    """Skip where a task's data can't be had, or fail where MLE_GYM_REQUIRE names ``data``."""
    spec = load_task(task)
    state = availability(spec)
    if not state.ready:
        require("data", f"{spec.id}: {state.reason}")

"""A machine on which nothing was prepared or downloaded yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.task_folders import without_datasets


@pytest.fixture
def empty_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache_folder: Path) -> None:
    """Only what a test makes is there."""
    monkeypatch.setenv("MLE_GYM_CACHE", str(without_datasets(tmp_path / "cache", cache_folder)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.delenv("MLE_GYM_RAW", raising=False)

"""Titanic as a Harbor task."""

from __future__ import annotations

import pytest

from mle_gym.integrations.harbor.export_task import export_harbor


@pytest.fixture(scope="session")
def titanic(tmp_path_factory: pytest.TempPathFactory):
    """The exported folder. Tests that change it copy it."""
    return export_harbor("titanic", tmp_path_factory.mktemp("harbor"))

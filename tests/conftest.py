"""What every test shares: one dataset cache a run, and nothing of the user's."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# pytest tests/grading --hypothesis-profile=long
settings.register_profile("long", max_examples=3000)

# Tasks are registered when mle_gym is imported: those that the user imported must not be.
os.environ["MLE_GYM_TASKS"] = os.devnull

# A script's background job ignores Ctrl-C, and so would all that tests start and then interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Datasets are prepared once for all workers of a run, away from the user's own cache."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "mle-gym-cache"
    os.environ["MLE_GYM_CACHE"] = str(folder)
    return folder

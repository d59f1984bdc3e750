"""Kaggle's competitions, end to end, on made-up raw data of their exact shape."""

from __future__ import annotations

import warnings
import zlib
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import mle_gym
from mle_gym.tasks.catalog import load_task, task_folders
from mle_gym.tasks.dataset import Dataset, prepare
from mle_gym.tasks.tables import read_csv
from mle_gym.tasks.validate import validate_task
from tests.envs.raw_data import MAKERS

COMPETITIONS = sorted(
    name for name in task_folders() if load_task(name).data.loader == "kaggle"
)  # fmt: skip
FLOOR = "the sample submission is valid and scores the floor"
"""The one check that only Kaggle's own data can pass."""


@pytest.fixture(autouse=True)
def no_other_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.delenv("MLE_GYM_RAW", raising=False)


@pytest.fixture(params=COMPETITIONS)
def dataset(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Dataset:
    """A competition's dataset of made-up raw data, in a cache of its own."""
    monkeypatch.setenv("MLE_GYM_CACHE", str(tmp_path / "cache"))
    return made(request.param, tmp_path / "raw")


def made(name: str, raw: Path) -> Dataset:
    task = load_task(name)
    raw.mkdir()
    MAKERS[task.data.ref](raw, np.random.default_rng(zlib.crc32(name.encode())))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*these raw data are not those")
        return prepare(task, source=raw)


def test_every_competition_has_made_up_data() -> None:
    assert {load_task(name).data.ref for name in COMPETITIONS} == set(MAKERS)


@pytest.mark.bubblewrap
@pytest.mark.filterwarnings("ignore:.*these raw data are not those")
def test_it_is_sound_and_can_be_played(dataset: Dataset) -> None:
    task = dataset.task
    failed = [check for check in validate_task(task.folder, run_programs=False) if not check.passed]
    assert [check for check in failed if check.name != FLOOR] == []
    assert all("measured" in check.detail for check in failed)
    with gymnasium.make(task.env_id) as env:
        record = mle_gym.rollout(env, mle_gym.load_agent("baseline"), seed=0)
    assert record.grade["valid"], (record.grade["error_message"], record.steps[-1].observation)
    assert record.grade["rows"] == len(read_csv(dataset.private / "answers.csv"))


def test_without_data_reset_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLE_GYM_CACHE", str(tmp_path / "cache"))
    for name in COMPETITIONS:
        env = gymnasium.make(load_task(name).env_id)
        with pytest.raises(mle_gym.errors.DatasetError, match=f"mle-gym prepare {name} --from"):
            env.reset()

"""A search's folder may be another person's: what it has is read, and nothing in it is run."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from mle_gym.datasets.dataset import DatasetOptions
from mle_gym.episode.rewards import Progress
from mle_gym.episode.snapshot import Snapshot
from mle_gym.errors import SnapshotError
from mle_gym.sandbox.snapshots.store import current_store
from mle_gym.search.run_folder import RunFolder

NAME = "0123456789abcdef"


@pytest.fixture
def folder(cache_folder: Path, tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run", {"task": "titanic"})


def snapshot(output: str = "brief \ud800 \x1b[2J") -> Snapshot:
    return Snapshot(
        task="mle/titanic-v0",
        options=DatasetOptions(variant=3, train_rows=10),
        dataset="d" * 32,
        steps_taken=4,
        seconds_used=1.5,
        score_calls_used=1,
        validate_calls_used=0,
        progress=Progress(promising=True),
        output=output,
        exit_code=0,
        folder=current_store().folder,
        name=NAME,
    )


def test_a_state_is_read_as_it_was_kept(folder: RunFolder) -> None:
    folder.keep(1, snapshot())
    assert folder.snapshot(1) == snapshot()
    assert folder.snapshot(2) is None
    folder.discard_snapshots()
    assert folder.snapshot(1) is None


class Program:
    """A pickle that runs code when it is read."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> Any:
        return Path.touch, (self.made,)


def test_a_pickle_in_the_place_of_a_state_is_not_run(folder: RunFolder, tmp_path: Path) -> None:
    program = pickle.dumps(Program(tmp_path / "made"))
    for name in ("1.json", "1.pickle"):
        (folder.path / "snapshots" / name).write_bytes(program)
    with pytest.raises(SnapshotError, match=r"1\.json: expected the values of a snapshot"):
        folder.snapshot(1)
    with pytest.raises(SnapshotError):
        folder.discard_snapshots()
    assert not (tmp_path / "made").exists()
    pickle.loads(program)  # else this test would show nothing
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "../../precious"},
        {"name": "/tmp"},
        {"folder": "/home"},
        {"steps_taken": "1"},
        {"options": {"variant": 0, "other": 1}},
        {"progress": {"promising": True, "grade": {"score": 1}}},
        {"output": None},
    ],
)
def test_a_state_that_names_other_folders_or_has_other_values_is_refused(
    folder: RunFolder, changed: dict[str, Any]
) -> None:
    precious = current_store().folder.parents[1] / "precious"
    precious.mkdir(exist_ok=True)
    values = snapshot().to_dict() | changed
    (folder.path / "snapshots" / "1.json").write_text(json.dumps(values))
    with pytest.raises(SnapshotError, match="expected the values of a snapshot"):
        folder.discard_snapshots()
    assert precious.is_dir()

"""Records that anybody may have written cause one line of error, and don't fill the memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mle_gym.errors import TrajectoryError
from mle_gym.trajectories.audit import audit_trajectory
from mle_gym.trajectories.trajectory import MOST_LINE_BYTES, Trajectory
from mle_gym.trajectories.verify.run_verification import verify_trajectory
from tests.trajectories.verify import attacks
from tests.trajectories.verify.conftest import Forge

NAMES = [attack.__name__ for attack in attacks.ATTACKS]


@pytest.fixture(scope="module")
def outcomes(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The outcome of each attack, in a process with limited memory."""
    folder = tmp_path_factory.mktemp("attacks")
    command = [
        sys.executable,
        "-m",
        "tests.trajectories.verify.attacks",
        str(folder),
        str(recorded),
    ]
    ended = subprocess.run(command, stdout=subprocess.PIPE, timeout=300, check=True, text=True)
    assert max(path.stat().st_size for path in folder.iterdir()) < 10 * 2**20
    return ended.stdout.splitlines()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow("the attacks fill memory in a process of their own")
def test_a_small_file_takes_little_memory(outcomes: list[str], name: str) -> None:
    for reader in attacks.READERS:
        assert {f"{name} {reader}: read", f"{name} {reader}: refused"} & set(outcomes)
    assert f"without caps, {name} verify: out of memory" in outcomes


def test_a_line_without_end_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "endless.jsonl"
    with path.open("wb") as file:
        file.truncate(100 * MOST_LINE_BYTES)
    with pytest.raises(TrajectoryError, match=r"endless\.jsonl:1: longer than"):
        Trajectory.read(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(OSError, match="not a regular file"):
        Trajectory.read(tmp_path / "pipe.jsonl")


WRONG: dict[str, tuple[int, Any]] = {
    "agent": (0, ["a"]),
    "variant": (0, 2**70),
    "observation.output": (1, 7),
    "time": (2, "1"),
    "info.grade": (-2, [1]),
    "info.grade.score": (-2, {"a": 1}),
    "info.grade.error_code": (-2, 3),
    "left": (-1, {}),
    "submission.bytes": (-1, -1),
    "grade.thresholds": (-1, {"gold": "x"}),
}


@pytest.mark.parametrize("field", WRONG)
def test_a_wrong_type_is_named_by_file_line_and_field(forge: Forge, field: str) -> None:
    number, value = WRONG[field]

    def change(lines: list[dict[str, Any]]) -> None:
        *outer, last = field.split(".")
        target = lines[number]
        for name in outer:
            target = target[name]
        target[last] = value

    path = forge(change)
    line = number % len(path.read_bytes().splitlines()) + 1
    with pytest.raises(TrajectoryError, match=rf"^{path}:{line}: {field.replace('.', '[.]')}"):
        audit_trajectory(path)
    assert verify_trajectory(path).verdict == "refuted"


@pytest.mark.parametrize(
    "value",
    [
        {"$array": [1], "dtype": "(9,9)f8"},
        {"$array": [1], "dtype": "O"},
        {"$array": [1], "dtype": "V9"},
        {"$array": [1], "dtype": ["f8"]},
        {"$array": [[1], [2, 3]], "dtype": "<f8"},
        {"$float": "1" * 5000},
        {"$float": []},
        {"$int": 5},
        {"$dict": [[[], 1]]},
        {"$dict": 7},
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_what_no_writer_writes_is_a_damaged_line(forge: Forge, value: Any) -> None:
    path = forge(lambda lines: lines[2]["info"].update(x=value))
    with pytest.raises(TrajectoryError, match=r"forged\.jsonl:3: damaged line: "):
        verify_trajectory(path)


def test_a_program_that_is_nested_deeply_is_audited_without_it(forge: Forge) -> None:
    deep = "x = " + "-" * 5000 + "1\nopen('/proc/1/environ')"
    action = {"tool": "write_file", "path": "a.py", "content": deep}
    assert audit_trajectory(forge(lambda lines: lines[1].update(action=action))).actions == 5


def test_a_large_submission_is_unpacked_only_where_its_task_can_be_graded(forge: Forge) -> None:
    def change(lines: list[dict[str, Any]]) -> None:
        size, sha256 = 400 * 2**20, lines[-1]["submission"]["sha256"]
        lines[0]["task"] = "denoising-dirty-documents"
        for line in lines[1:]:
            line.get("info", {})["task"] = "denoising-dirty-documents"
        lines[-1]["submission"] = {"bytes": size, "sha256": sha256, "zlib": "AAAA"}

    found = {each.check: each for each in verify_trajectory(forge(change)).findings}
    assert found["submission"].severity == "undecided"
    assert "and at most 16,777,216 are unpacked here" in found["submission"].detail

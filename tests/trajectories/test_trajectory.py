"""Trajectories are read as they were written, and damage is reported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mle_gym.errors import MleGymError, TrajectoryError
from mle_gym.trajectories.trajectory import Step, Trajectory, TrajectoryWriter

GRADE = {"valid": True, "score": 0.78, "medal": "bronze"}
STEPS = (
    Step("ls", {"output": "data\n", "steps_left": 2}, 0.0, False, False, {"execution": {}}, 0.1),
    Step({"tool": "submit"}, {"output": "bye"}, 0.78, True, False, {"grade": GRADE}, 0.2),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a whole episode of two steps."""
    file = tmp_path / "runs" / "episode.jsonl"
    writer = TrajectoryWriter(file)
    writer.header({"agent": "someone", "seed": 7})
    for step in STEPS:
        writer.step(step)
    writer.footer({"left": None, "return": 0.78})
    writer.close()
    return file


def test_what_was_written_is_read_back(path: Path) -> None:
    trajectory = Trajectory.read(path)
    assert trajectory.steps == STEPS
    assert trajectory.header["agent"] == "someone"
    assert trajectory.header["seed"] == 7
    assert trajectory.complete
    assert trajectory.note == ""
    assert trajectory.grade == GRADE
    assert trajectory.episode_return == 0.78


def test_each_line_is_on_disk_when_the_call_returns(tmp_path: Path) -> None:
    file = tmp_path / "episode.jsonl"
    writer = TrajectoryWriter(file)
    writer.header({"agent": "someone"})
    for count, step in enumerate(STEPS, start=1):
        writer.step(step)
        unfinished = Trajectory.read(file)
        assert unfinished.steps == STEPS[:count]
        assert not unfinished.complete
        assert f"{count} steps" in unfinished.note
    writer.close()


@pytest.mark.parametrize("cut", [1, 2, 15, 30])
def test_a_cut_last_line_loses_that_line_and_says_so(path: Path, cut: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:-cut])
    trajectory = Trajectory.read(path)
    whole = cut == 1  # only the newline is missing, so nothing of the step is lost
    assert trajectory.steps == (STEPS if whole else STEPS[:1])
    assert not trajectory.complete
    assert trajectory.grade == (GRADE if whole else None)
    assert whole or f"{path}:3:" in trajectory.note


@pytest.mark.parametrize(
    ("number", "content"),
    [
        (2, b'{"kind": "step", "action": "l'),
        (2, b""),
        (2, b"\xff\xfe\x00"),
        (2, b'["step"]'),
        (2, b'{"kind": "dance"}'),
        (2, b'{"kind": "step", "action": "ls"}'),
        (2, b'{"kind": "header", "format": 1}'),
        (2, b'{"kind": "footer"}'),
        (3, b'{"kind": "step", "action": {"$array": 1}}'),
        (3, b"[" * 100_000),
    ],
)
def test_a_damaged_middle_is_refused_by_file_and_line(
    path: Path, number: int, content: bytes
) -> None:
    lines = path.read_bytes().split(b"\n")
    lines[number - 1] = content
    path.write_bytes(b"\n".join(lines))
    blamed = number + 1 if b"footer" in content else number  # nothing may follow a footer
    with pytest.raises(TrajectoryError, match=rf"episode\.jsonl:{blamed}: ") as caught:
        Trajectory.read(path)
    assert isinstance(caught.value, MleGymError)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"hello", b'{"a": 1}\n{}\n', b'{"kind": "step"}\n{"kind": "footer"}\n']
)
def test_a_file_that_is_not_a_trajectory_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.jsonl"
    file.write_bytes(content)
    with pytest.raises(TrajectoryError, match=r"other\.jsonl:1: "):
        Trajectory.read(file)


def test_a_later_format_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"format": 2', b'"format": 3', 1))
    with pytest.raises(TrajectoryError, match="format 3; this version reads 1 to 2"):
        Trajectory.read(path)


def test_nothing_recorded_is_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="delete it or name another"):
        TrajectoryWriter(path)
    assert path.read_bytes() == before


def test_a_writer_closed_before_its_first_line_leaves_no_file(tmp_path: Path) -> None:
    writer = TrajectoryWriter(tmp_path / "episode.jsonl")
    writer.close()
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_names_the_file(tmp_path: Path) -> None:
    program = """
import resource, sys
from mle_gym.trajectories.trajectory import TrajectoryWriter
writer = TrajectoryWriter(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
writer.header({"agent": "a" * 1000})
"""
    file = tmp_path / "episode.jsonl"
    done = subprocess.run([sys.executable, "-c", program, file], capture_output=True, text=True)
    assert f"File too large: '{file}'" in done.stderr

"""Every change of a file is noticed, unless it leaves the file's contents the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mle_gym.errors import TrajectoryError
from mle_gym.trajectories.verify.run_verification import verify_trajectory
from tests.tiers import example_count

pytestmark = pytest.mark.bubblewrap
thorough = settings(
    deadline=None,
    max_examples=example_count(150),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


def said(content: bytes) -> Any:
    """A file's contents: its lines as JSON, with one form for each number and string."""
    try:
        lines = [json.loads(line) for line in content.removesuffix(b"\n").split(b"\n")]
        return [json.dumps(line, sort_keys=True) for line in lines]
    except ValueError:
        return None


def assert_noticed_or_harmless(original: bytes, changed: bytes, path: Path) -> None:
    path.write_bytes(changed)
    try:
        verdict = verify_trajectory(path).verdict
    except TrajectoryError:
        return
    assert (verdict == "confirmed") == (said(changed) == said(original)), changed


@pytest.mark.parametrize("kind", ["header", "step", "footer"])
@given(data=st.data())
@thorough
@pytest.mark.slow("many records are verified again")
def test_a_changed_byte_is_noticed_in_every_kind_of_line(
    recorded: Path, tmp_path: Path, kind: str, data: st.DataObject
) -> None:
    content = recorded.read_bytes()
    lines = content.splitlines(keepends=True)
    choice = {"header": [0], "step": range(1, len(lines) - 1), "footer": [len(lines) - 1]}[kind]
    line = data.draw(st.sampled_from(list(choice)))
    start = sum(map(len, lines[:line]))
    place = data.draw(st.integers(start, start + len(lines[line]) - 1))
    new = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(list(b'0123456789 \r\n\t"{}'))))
    changed = content[:place] + bytes([new]) + content[place + 1 :]
    assert_noticed_or_harmless(content, changed, tmp_path / "changed.jsonl")


@given(data=st.data())
@thorough
def test_what_is_cut_out_or_put_in_is_noticed(
    recorded: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = recorded.read_bytes()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 5)))
    inserted = data.draw(st.one_of(st.binary(max_size=3), st.sampled_from([b" ", b"\n", b"\t "])))
    changed = content[:start] + inserted + content[end:]
    assert_noticed_or_harmless(content, changed, tmp_path / "changed.jsonl")


@given(order=st.lists(st.integers(0, 6), max_size=8))
@example(order=[0, 2, 1, 3, 4, 5, 6])
@example(order=[0, 1, 1, 2, 3, 4, 5, 6])
@example(order=[0, 1, 2, 3, 4, 6])
@thorough
def test_lines_left_out_swapped_or_repeated_are_noticed(
    recorded: Path, tmp_path: Path, order: list[int]
) -> None:
    lines = recorded.read_bytes().splitlines(keepends=True)
    assert len(lines) == 7
    changed = b"".join(lines[place] for place in order)
    assert_noticed_or_harmless(b"".join(lines), changed, tmp_path / "changed.jsonl")


def test_the_same_in_another_layout_is_confirmed(recorded: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in recorded.read_bytes().splitlines()]
    path = tmp_path / "tidy.jsonl"
    texts = [json.dumps(line, sort_keys=True, ensure_ascii=False) for line in lines]
    path.write_text("\n".join(texts), encoding="utf-8")
    assert verify_trajectory(path).verdict == "confirmed"


def test_a_key_given_twice_is_noticed(recorded: Path, tmp_path: Path) -> None:
    path = tmp_path / "twice.jsonl"
    content = recorded.read_bytes()
    path.write_bytes(content.replace(b'{"kind": "step", ', b'{"kind": "step", "reward": 9.0, ', 1))
    with pytest.raises(TrajectoryError, match="has the same key twice"):
        verify_trajectory(path)


def test_a_step_signed_by_nobody_is_noticed(recorded: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in recorded.read_bytes().splitlines()]
    for line in lines:
        del line["hash"]
    path = tmp_path / "bare.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert verify_trajectory(path).verdict == "refuted"

"""A leaderboard of records: what counts, what doesn't, and that nothing in them acts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mle_gym.evaluation.result import Result
from mle_gym.report.verified_board import VerifiedBoard, board_rows, other_terms
from mle_gym.report.write_report import write_report
from mle_gym.trajectories.rollout import rollout
from tests.report.made_run import HOSTILE

pytestmark = pytest.mark.bubblewrap


class Submits:
    """Hands in the sample submission."""

    name = "sampler"

    def reset(self, observation: Any, info: dict[str, Any]) -> None: ...

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        return "submit data/sample_submission.csv"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record that verifies."""
    path = tmp_path_factory.mktemp("played") / "honest.jsonl"
    with gymnasium.make("mle/titanic-v0") as env:
        rollout(env, Submits(), seed=0, path=path)
    return path


@pytest.fixture
def folder(honest: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "board"
    for name in ("ann", "bob", ".hidden"):
        (folder / name).mkdir(parents=True)
    shutil.copy(honest, folder / "ann" / "honest.jsonl")
    return folder


def reasons(board: VerifiedBoard) -> dict[str, str]:
    return {each.path: each.reason for each in board.judged}


@pytest.mark.slow("it grades records again")
def test_only_what_verifies_counts_and_each_other_record_says_why(
    folder: Path, honest: Path
) -> None:
    shutil.copy(honest, folder / "bob" / "copy.jsonl")
    edited = honest.read_text().replace('"anchored": 0.0', '"anchored": 1.0')
    (folder / "bob" / "edited.jsonl").write_text(edited)
    (folder / "bob" / "cut.jsonl").write_text("".join(honest.read_text().splitlines(True)[:2]))
    (folder / "bob" / "other.jsonl").write_text('{"kind": "step", "action": []}\n')
    shutil.copy(honest, folder / ".hidden" / "x.jsonl")
    (folder / "bob" / "link.jsonl").symlink_to(honest)
    board = VerifiedBoard(folder)
    found = reasons(board)
    assert found.keys() == {
        "ann/honest.jsonl", "bob/copy.jsonl", "bob/edited.jsonl", "bob/cut.jsonl", "bob/other.jsonl"
    }  # fmt: skip
    assert found["ann/honest.jsonl"] == ""
    assert found["bob/copy.jsonl"] == "a copy of ann/honest.jsonl"
    assert found["bob/edited.jsonl"].startswith("refuted: chain")
    assert found["bob/cut.jsonl"].startswith("refuted: end")
    assert found["bob/other.jsonl"]
    (row,) = board.rows
    assert (row.task, row.agent, row.records, row.valid) == ("mle/titanic-v0", "sampler", 1, 1)


@pytest.mark.slow("it grades a record again")
def test_hostile_names_and_records_are_text_on_the_page(folder: Path) -> None:
    name = "<script>window.owned=1<|script>.jsonl"
    (folder / "bob" / name).write_text(json.dumps({"kind": "header", "agent": HOSTILE}) + "\n")
    report = write_report(VerifiedBoard(folder), folder / "board.html")
    page = report.path.read_text(encoding="utf-8")
    assert report.episodes == report.stories == 1
    assert "<script>window" not in page
    assert "\\u003cscript\\u003ewindow.owned" in page


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"variant": -3}, ""),
        ({"variant": 7}, "variant 7 is for training"),
        ({"env": None}, "not recorded"),
        ({"network": True}, "network"),
        ({"train_rows": 10}, ""),
        ({"max_steps": 10_000}, "its max_steps is 10000, the task's is 50"),
        ({"feedback": "score"}, "its feedback is 'score'"),
        ({"size": "micro"}, "its size is 'micro'"),
    ],
)
def test_an_easier_episode_does_not_count(honest: Path, change: dict[str, Any], words: str) -> None:
    header = json.loads(honest.read_text().splitlines()[0])
    for name, value in change.items():
        if name in header:
            header[name] = value
        else:
            header["settings"][name] = header["env"]["kwargs"][name] = value
    found = other_terms(header)
    assert words in found
    assert bool(found) == bool(words)


def test_a_record_without_a_submission_counts_as_zero_and_ranks_behind() -> None:
    def result(agent: str, anchored: float | None, valid: bool = True) -> Result:
        score = 0.8 if valid else None
        return Result(
            agent=agent, task="mle/titanic-v0", variant=0, seed=0, status="graded", valid=valid,
            metric="accuracy", score=score, normalized=score, anchored=anchored,
        )  # fmt: skip

    steady = [result("steady", 0.5), result("steady", 0.5)]
    lucky = [result("lucky", 0.9), result("lucky", None, valid=False)]
    first, second = board_rows([*lucky, *steady])
    assert (first.agent, first.anchored) == ("steady", 0.5)
    assert (second.agent, second.anchored, second.valid, second.records) == ("lucky", 0.45, 1, 2)

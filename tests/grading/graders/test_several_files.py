"""Submissions of several files: what is handed in as a folder, from its brief to its record."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import mle_gym
from mle_gym.authoring.validate_task import validate_task
from mle_gym.datasets.prepare import prepare
from mle_gym.errors import DatasetError, TaskError
from mle_gym.grading.graders.several_files import SeveralFilesGrader
from mle_gym.sandbox import pack_files
from mle_gym.tasks.catalog import load_task, register_tasks
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.verify.run_verification import verify_trajectory
from tests.generated_task import GENERATED
from tests.task_folders import MakeTask
from tests.trajectories.verify.conftest import Scripted, failures

pytestmark = pytest.mark.bubblewrap

TASK: dict[str, Any] = {
    "kind": "model-selection",
    **GENERATED,
    "submission": {
        "kind": "files",
        "filename": "submission",
        "columns": None,
        "files": {
            "predictions.csv": {"columns": {"id": "int", "y": "probability"}, "max_bytes": 2000},
            "claim.json": {"max_bytes": 100},
            "notes/why.md": {"max_bytes": 100, "optional": True},
        },
    },
    "grade": {"metric": "regret", "worst": 0.0, "best": 1.0},
}
GENERATE = """
import pandas as pd
from mle_gym.datasets.toolkit import Instance

def generate(rng):
    test = pd.DataFrame({"id": range(1, 41), "y": rng.integers(0, 2, 40)})
    sample = {"predictions.csv": test.assign(y=0.5), "claim.json": '{"score": 0}'}
    return Instance(public={"test.csv": test[["id"]]}, private={"truth.csv": test}, sample=sample)
"""
GRADE = """
import json
import pandas as pd
from mle_gym.errors import SubmissionError

def grade_files(submission, private):
    assert sorted(p.name for p in submission.iterdir())[:2] == ["claim.json", "predictions.csv"]
    truth = pd.read_csv(private / "truth.csv")
    found = pd.read_csv(submission / "predictions.csv")
    score = 1 - (found["y"] - truth["y"]).abs().mean()
    claim = json.loads((submission / "claim.json").read_text())["score"]
    if not 0 <= claim <= 1:
        raise SubmissionError("bad_claim", "the claimed score lies between 0 and 1")
    return score - abs(score - claim) / 2, {"score": score, "claim": claim}
"""


@pytest.fixture
def folder(make_task: MakeTask, clean_registry: None) -> Path:
    made = make_task(TASK, files={"generate.py": GENERATE, "grade.py": GRADE})
    register_tasks(made)
    return made


@pytest.fixture
def grader(folder: Path) -> SeveralFilesGrader:
    return SeveralFilesGrader(prepare(load_task(folder)))


def sample(folder: Path) -> dict[str, bytes]:
    place = prepare(load_task(folder)).public / "sample_submission"
    return {path.name: path.read_bytes() for path in sorted(place.iterdir())}


def test_all_files_are_graded_together(folder: Path, grader: SeveralFilesGrader) -> None:
    files = sample(folder)
    found = grader.grade(pack_files(files))
    assert found.parts == {"score": 0.5, "claim": 0.0}
    assert (found.score, found.floor) == (0.25, 0.25)
    claimed = grader.grade(pack_files(files | {"claim.json": b'{"score": 0.5}'}))
    assert (claimed.score, claimed.beats_floor) == (0.5, True)
    assert claimed.sha256 != found.sha256
    assert not grader.promising(pack_files(files))
    assert grader.promising(pack_files(files | {"claim.json": b'{"score": 0.5}'}))


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"claim.json": None}, "missing_file", "expected a file 'claim.json'"),
        ({"more.txt": b"x"}, "unknown_file", "found 'more.txt', expected only 'predictions.csv'"),
        ({"claim.json": b" " * 101}, "too_large", "claim.json: .* the 100 bytes"),
        ({"predictions.csv": b"id,y\n1,0\n"}, "missing_ids", r"predictions\.csv: "),
        ({"predictions.csv": b"id,x\n1,0\n"}, "missing_column", r"predictions\.csv: "),
        ({"predictions.csv": b"\xff"}, "", r"predictions\.csv: "),
    ],
)
def test_what_is_not_as_declared_is_refused_before_it_is_graded(
    folder: Path,
    grader: SeveralFilesGrader,
    changes: dict[str, bytes | None],
    code: str,
    message: str,
) -> None:
    files = {k: v for k, v in (sample(folder) | changes).items() if v is not None}
    verdict, found = grader.validate(pack_files(files)), grader.grade(pack_files(files))
    assert not verdict.valid
    assert not found.valid
    assert verdict.code == found.error_code
    assert not code or verdict.code == code
    assert re.search(message, verdict.message)


def test_an_optional_file_may_be_there(folder: Path, grader: SeveralFilesGrader) -> None:
    assert grader.validate(pack_files(sample(folder) | {"notes/why.md": b"so"})).valid


@pytest.mark.parametrize("content", [b"", b"abc", b"\x00\x00\x00\x02[]more", b"id,y\n1,0\n" * 9])
def test_bytes_that_are_no_folder_are_refused(grader: SeveralFilesGrader, content: bytes) -> None:
    assert grader.grade(content).error_code == "not_a_folder" or not grader.grade(content).valid


def test_only_a_refusal_with_a_reason_is_shown(folder: Path, grader: SeveralFilesGrader) -> None:
    found = grader.grade(pack_files(sample(folder) | {"claim.json": b'{"score": 3}'}))
    assert (found.error_code, found.error_message) == (
        "bad_claim", "the claimed score lies between 0 and 1",
    )  # fmt: skip
    found = grader.grade(pack_files(sample(folder) | {"claim.json": b"{"}))
    assert "failed on this submission" in found.error_message
    (folder / "grade.py").write_text("def grade_files(a, b): return 1 / 0")
    broken = SeveralFilesGrader(prepare(load_task(folder)))
    with pytest.raises(TaskError, match="failed on the sample submission"):
        broken.grade(pack_files(sample(folder)))


def test_an_agent_hands_in_a_folder_and_the_record_is_verified(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "record.jsonl"
    actions = (
        "cp -r data/sample_submission submission && rm submission/claim.json; validate",
        "validate data/test.csv",
        "echo '{\"score\": 0.5}' > submission/claim.json; validate && submit",
    )
    with mle_gym.make("fruit", sandbox="bubblewrap") as env:
        observation, _ = env.reset(seed=0)
        brief = observation["output"]
        assert "Write a folder `submission/` with these files and no others" in brief
        assert "`claim.json`: at most 100 bytes" in brief
        assert "  - `y`: a probability, from 0 to 1" in brief
        record = rollout(env, Scripted(actions), path=path)
    outputs = [step.observation["output"] for step in record.steps]
    assert "is not valid: expected a file 'claim.json' in the folder" in outputs[0]
    assert "is not valid: expected a folder of files" in outputs[1]
    assert record.grade is not None
    assert record.grade["parts"] == {"score": 0.5, "claim": 0.5}
    result = verify_trajectory(path, task=folder)
    assert (result.verdict, failures(result)) == ("confirmed", "")


def test_what_lies_there_when_the_budget_is_spent_is_graded(folder: Path) -> None:
    with mle_gym.make("fruit", sandbox="bubblewrap", max_steps=1) as env:
        env.reset(seed=0)
        info = env.step("cp -r data/sample_submission submission")[4]
        assert info["grade"]["score"] == 0.25


def test_a_folder_of_this_machine_is_graded(folder: Path) -> None:
    place = prepare(load_task(folder)).public / "sample_submission"
    assert mle_gym.grade(folder, place).score == 0.25
    with pytest.raises(DatasetError, match="only the prepared ones"):
        mle_gym.grade(folder, place, place)


@pytest.mark.slow("it makes all checks of a task")
def test_such_a_task_is_validated(folder: Path) -> None:
    copy = "import shutil\nshutil.copytree('data/sample_submission', 'submission')\n"
    claim = "open('submission/claim.json', 'w').write('{\"score\": 0.5}')\n"
    (folder / "baseline.py").write_text(copy)
    (folder / "solution.py").write_text(copy + claim)
    checks = {check.name: check for check in validate_task(folder)}
    assert [check.detail for check in checks.values() if not check.passed] == []
    assert "0.2500, 0.2500, 0.5000" in checks["floor < baseline < solution"].detail
    (folder / "solution.py").write_text("raise SystemExit(3)")
    checks = {check.name: check for check in validate_task(folder)}
    assert "exit code 3" in checks["solution.py has a score"].detail

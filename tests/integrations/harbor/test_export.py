"""What is in an exported task, and what its verifier answers; without Harbor itself."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from mle_gym.datasets.dataset import DatasetOptions
from mle_gym.errors import TaskError
from mle_gym.grading.grade import Grade
from mle_gym.integrations.harbor.export_task import HarborExport, export_harbor
from mle_gym.integrations.harbor.grade_in_verifier import grade_submission, rewards
from mle_gym.tasks.catalog import load_task


def verify(task: Path, submission: Path) -> Grade:
    settings = json.loads((task / "tests" / "settings.json").read_text())
    return grade_submission(task / "tests", {**settings, "submission": str(submission)})


def test_answers_and_the_grading_script_are_in_the_verifiers_folder_alone(titanic: Path) -> None:
    private = ("answers.csv", "test.sh", "grade.py", "leaderboard.csv", "settings.json")
    found = {path.relative_to(titanic).parts[0] for name in private for path in titanic.rglob(name)}
    assert found == {"tests"}
    assert not [path for name in ("key", "split.json") for path in titanic.rglob(name)]
    header = (titanic / "environment/data/test.csv").read_text().splitlines()[0]
    assert "survived" not in header.split(",")


def test_the_verifier_is_separate_and_has_no_network(titanic: Path) -> None:
    task = tomllib.loads((titanic / "task.toml").read_text())
    assert task["schema_version"] == "1.4"
    assert task["verifier"]["environment_mode"] == "separate"
    assert task["verifier"]["environment"]["network_mode"] == "no-network"
    assert task["environment"]["network_mode"] == "no-network"
    assert task["artifacts"] == ["/workspace/submission.csv"]


def test_rows_of_the_task_in_packages_are_removed_from_the_agents_image(titanic: Path) -> None:
    rows = (titanic / "environment/rows_in_packages.txt").read_text().splitlines()
    assert any("id_40945" in path and path.startswith("sklearn/") for path in rows)


def test_the_sample_gets_the_floor(titanic: Path) -> None:
    grade = verify(titanic, titanic / "environment/data/sample_submission.csv")
    assert grade.score == pytest.approx(load_task("titanic").reference.floor, abs=1e-5)
    numbers = rewards(grade, "score")
    assert numbers["reward"] == numbers["score"] == grade.score
    assert numbers["valid"] == 1.0


def test_no_submission_is_worth_nothing_and_has_no_score(titanic: Path, tmp_path: Path) -> None:
    numbers = rewards(verify(titanic, tmp_path / "submission.csv"), "score")
    assert numbers == {"reward": 0.0, "normalized": 0.0, "valid": 0.0} | {
        name: numbers[name] for name in ("anchored",) if name in numbers
    }


def test_a_link_to_the_answers_is_not_graded(titanic: Path, tmp_path: Path) -> None:
    link = tmp_path / "submission.csv"
    link.symlink_to(titanic / "tests/dataset/private/answers.csv")
    grade = verify(titanic, link)
    assert (grade.valid, grade.error_code) == (False, "not_a_file")


def test_a_damaged_dataset_is_a_failure_and_no_grade(tmp_path: Path) -> None:
    task = export_harbor("titanic", tmp_path)
    (task / "tests/dataset/private/answers.csv").write_text("PassengerId,survived\n1,0\n")
    with pytest.raises(Exception, match="damaged"):
        verify(task, task / "environment/data/sample_submission.csv")


def test_a_variant_has_a_folder_of_its_own_and_other_rows(titanic: Path, tmp_path: Path) -> None:
    other = export_harbor("titanic", tmp_path, DatasetOptions(variant=3))
    assert other.name == "titanic-3"
    name = "environment/data/test.csv"
    assert (other / name).read_bytes() != (titanic / name).read_bytes()


def test_tasks_that_run_programs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="a program is handed in"):
        export_harbor("iris-pipeline", tmp_path)


def test_an_existing_folder_is_left_alone(titanic: Path) -> None:
    with pytest.raises(FileExistsError, match="another folder"):
        export_harbor("titanic", titanic.parent)


def test_a_reward_that_the_task_cannot_pay_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="medal"):
        export_harbor("titanic", tmp_path, export=HarborExport(reward="medal"))

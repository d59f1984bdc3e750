"""Grades the submission in the image of a Harbor task's verifier: ``python -m`` this module.

Writes ``/logs/verifier/reward.json``, numbers only, and ``grade.json`` with the whole grade. If
grading itself fails, it writes neither and exits with an error, which Harbor reports as a failure
of the trial: it never becomes a score.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mle_gym.datasets import cache
from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.episode.rewards import Progress, load_reward
from mle_gym.errors import DatasetError, SubmissionError
from mle_gym.grading.grade import Grade
from mle_gym.grading.open_grader import open_grader, submission_bytes
from mle_gym.integrations.harbor.harbor_format import (
    DATASET_FOLDER,
    GRADING,
    SETTINGS_FILE,
    TASK_FOLDER,
)
from mle_gym.tasks.load import load_folder

__all__ = ["grade_submission", "rewards"]

LOGS = Path("/logs/verifier")
NUMBERS = ("score", "normalized", "anchored", "public_score", "percentile")
"""Fields of a grade that go into ``reward.json`` as far as they are known."""


def grade_submission(folder: Path, settings: dict[str, Any]) -> Grade:
    """Grade what the agent left.

    Args:
        folder: What was copied into the verifier's image: task, dataset, settings.
        settings: The file with them, read.

    Raises:
        DatasetError: The dataset in the image is damaged.
        SandboxError: The task's own ``grade.py`` can't be run.
    """
    manifest = cache.read(folder / DATASET_FOLDER)
    if manifest is None:
        raise DatasetError(f"{folder / DATASET_FOLDER}: damaged; export the task again")
    task = load_folder(folder / TASK_FOLDER).with_fields(manifest["effective"])
    data = folder / DATASET_FOLDER
    options = DatasetOptions(**settings["options"])
    dataset = Dataset(task, options, data / "public", data / "private", settings["digest"])
    # The container is the isolation: a ``grade.py`` runs as a process of it.
    grader = open_grader(dataset, score_ci=settings["reward"] == "milestones", sandbox="subprocess")
    submission = Path(settings["submission"])
    if submission.is_symlink():  # it could lead to the answers
        return grader.refuse(SubmissionError("not_a_file", "the submission is a link"))
    try:
        return grader.grade(submission_bytes(submission, task.submission))
    except SubmissionError as error:
        return grader.refuse(error)


def rewards(grade: Grade, reward: str) -> dict[str, float]:
    """What ``reward.json`` holds: the reward, the scores that are known, and whether it is valid.

    Args:
        grade: The grade.
        reward: The name of the reward that ``reward`` is.
    """
    paid = sum(load_reward(reward)(Progress(grade=grade)).values())
    found = {name: getattr(grade, name) for name in NUMBERS}
    numbers = {name: float(value) for name, value in found.items() if value is not None}
    return {"reward": float(paid), **numbers, "valid": float(grade.valid)}


def main() -> None:
    """Grade, and write both files."""
    folder = Path(GRADING)
    settings = json.loads((folder / SETTINGS_FILE).read_bytes())
    grade = grade_submission(folder, settings)
    LOGS.mkdir(parents=True, exist_ok=True)
    (LOGS / "grade.json").write_text(json.dumps(grade.to_dict(), indent=2))
    (LOGS / "reward.json").write_text(json.dumps(rewards(grade, settings["reward"])))
    print(f"{grade.task}: {'valid' if grade.valid else grade.error_message}, {grade.score}")


if __name__ == "__main__":
    main()

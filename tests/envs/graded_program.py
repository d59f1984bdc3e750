"""Grades a program that a test writes as the environment would: in the grader's own sandboxes."""

from __future__ import annotations

from mle_gym.datasets.dataset import Dataset
from mle_gym.episode.episode_start import program_sandboxes
from mle_gym.grading.grade import Grade
from mle_gym.grading.graders.program import ProgramGrader
from mle_gym.grading.graders.program_run import ProgramRunner
from mle_gym.sandbox.sandbox_config import SandboxConfig

__all__ = ["graded_program"]


def graded_program(dataset: Dataset, code: str) -> Grade:
    """The grade of a program that is one file, the one that the task names."""
    submission = dataset.task.submission
    assert submission.code is not None
    sandboxes = program_sandboxes("bubblewrap", SandboxConfig(), submission.code)
    runner = ProgramRunner(dataset, sandboxes)
    return ProgramGrader(dataset, runner).grade({submission.filename: code.encode()})

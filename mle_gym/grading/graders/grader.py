"""The role of a grader: from what an agent hands in to a :class:`~mle_gym.grading.grade.Grade`.

The implementations beside this file are named after what is handed in: a CSV file of predictions, a
file that only the task's ``grade.py`` can read, or a program. :class:`ParityGrader` grades
predictions as MLE-bench does.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from mle_gym.datasets.anchors import Anchors
from mle_gym.errors import SubmissionError
from mle_gym.grading.grade import Grade, Validation

__all__ = ["Grader"]

Submission = TypeVar("Submission", contravariant=True)
"""What is handed in: the bytes of a file, or the files of a program."""


class Grader(Protocol[Submission]):
    """Grades the submissions to one dataset.

    No submission makes it raise: any defect of a submission is described in its grade. What is
    wrong with the task, its answers or the machine is raised, since the agent didn't cause it.
    """

    @property
    def anchors(self) -> Anchors:
        """The dataset's floor and ceiling, as far as they are known without running a program."""

    def validate(self, submission: Submission, /) -> Validation:
        """Check the format alone."""

    def promising(self, submission: Submission, /) -> bool:
        """Whether it is valid and may know something: it is neither the sample nor a constant."""

    def public_score(self, submission: Submission, /) -> float:
        """The score on the public part of the answers, for feedback.

        Raises:
            SubmissionError: The submission can't be graded, or there is no public part.
        """

    def grade(self, submission: Submission | None, /) -> Grade:
        """Grade a submission; None stands for no submission at all.

        Raises:
            DatasetError: The answers are missing or broken.
            TaskError: The task's ``grade.py`` or its metric's parameters are broken.
            SandboxError: The sandbox in which a ``grade.py`` or a program runs failed.
        """

    def refuse(self, error: SubmissionError, sha256: str = "") -> Grade:
        """The grade of a submission that can't be graded, for the reason given."""

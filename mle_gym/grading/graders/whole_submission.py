"""What graders have in common whose task's own ``grade.py`` reads the whole of a submission."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from mle_gym.errors import SubmissionError
from mle_gym.grading.floor_and_ceiling import Anchors
from mle_gym.grading.grade import Validation
from mle_gym.grading.graders.grade_maker import GradeMaker, Measured

if TYPE_CHECKING:
    from mle_gym.grading.grade import Grade
    from mle_gym.grading.score import Score

__all__ = ["WholeSubmissionGrader"]


class WholeSubmissionGrader(ABC):
    """All of a submission counts, and there is no public part."""

    _grades: GradeMaker

    @abstractmethod
    def _check(self, content: bytes) -> object:
        """Raise a SubmissionError if it isn't as declared, without ``grade.py`` or the answers."""

    @abstractmethod
    def _found(self, content: bytes) -> Score:
        """What the task's function makes of it."""

    @property
    def anchors(self) -> Anchors:
        """The dataset's floor and ceiling, as far as they are known without running a program."""
        return self._grades.anchors

    def grade(self, content: bytes | None, /) -> Grade:
        """Grade a submission; None stands for no submission at all.

        Raises:
            DatasetError: The answers are missing.
            TaskError: The ``grade.py`` is broken.
            SandboxError: The sandbox that it runs in can't be had.
        """
        return self._grades.grade(content, self._measure)

    def refuse(self, error: SubmissionError, sha256: str = "") -> Grade:
        """The grade of a submission that can't be graded, for that reason."""
        return self._grades.refuse(error, sha256)

    def validate(self, content: bytes, /) -> Validation:
        """Whether it is as declared, without ``grade.py`` or the answers."""
        try:
            self._check(content)
        except SubmissionError as error:
            return Validation(False, error.code, error.message)
        return Validation(True)

    def public_score(self, content: bytes, /) -> float:
        """There is none.

        Raises:
            SubmissionError: Always.
        """
        raise SubmissionError("no_public_part", "this dataset has no public part to score on")

    def _measure(self, content: bytes) -> Measured:
        found = self._found(content)
        return Measured(found.value, parts=found.parts)

    def _score(self, content: bytes) -> float:
        return self._found(content).value

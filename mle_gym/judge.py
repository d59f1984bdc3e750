"""What ``validate``, ``score`` and ``submit`` answer, and the grade that ends an episode."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from mle_gym.errors import SubmissionError
from mle_gym.grading.results import Validation
from mle_gym.sandbox.base import Reply, Request

if TYPE_CHECKING:
    from mle_gym.grading.file_grader import FileGrader
    from mle_gym.grading.grader import Grade, Grader
    from mle_gym.tasks.dataset import Dataset

__all__ = ["Judge"]

_OVER = Reply(1, "the episode is over\n", end_command=True)


class Judge:
    """Keeps one episode's answers: a sandbox passes it bytes and never sees the grader.

    Args:
        dataset: What is graded against.
        feedback: ``"none"``, ``"validate"`` or ``"score"``: what may be asked before submitting.
        score_calls: How often ``score`` may be asked.
    """

    def __init__(self, dataset: Dataset, *, feedback: str, score_calls: int) -> None:
        self.score_calls_used = 0
        self.validate_calls_used = 0
        """How often a submission's format was told: ``validate``, and ``score`` of a bad one."""
        self.submission: bytes | None = None
        """What was graded."""
        self._score_calls = score_calls if feedback == "score" else 0
        self.grade: Grade | None = None
        """Set once, when the episode ends."""
        self.validation: Validation | None = None
        """Of the last ``validate`` or ``score``; each step starts without one."""
        self._dataset = dataset
        self._feedback = feedback

    @property
    def score_calls_left(self) -> int:
        """How often ``score`` may still be asked."""
        return max(0, self._score_calls - self.score_calls_used)

    @property
    def max_bytes(self) -> int:
        """The largest submission that is looked at."""
        return self._dataset.task.submission.max_bytes

    def answer(self, request: Request) -> Reply:
        """Serve one call, whether a command inside the sandbox or a tool call made it."""
        if self.grade is not None:
            return _OVER
        if len(request.content) > self.max_bytes:
            size = f"{len(request.content):,} bytes; at most {self.max_bytes:,} are allowed"
            return _refuse(request, f"{request.path} has {size}")
        answer = {"validate": self._validate, "score": self._score, "submit": self._submit}
        return answer[request.tool](request)

    def grade_left(self, content: bytes | None) -> None:
        """Grade what lies at the submission's path when the budget is spent; None for nothing."""
        self.grade = self._final(content)

    def validate(self, content: bytes) -> Validation:
        """The verdict on a submission's format, for the environment itself."""
        return self._grader.validate(content)

    def _final(self, content: bytes | None) -> Grade:
        """The grade, unless the data that the agent worked with were deleted meanwhile."""
        self._dataset.check()
        self.submission = content
        return self._grader.grade(content)

    @cached_property
    def _grader(self) -> Grader | FileGrader:
        # Imported when something is graded: it costs a second of pandas that reset should not.
        from mle_gym.grading.grader import open_grader

        return open_grader(self._dataset)

    def _validate(self, request: Request) -> Reply:
        if self._feedback == "none":
            return _refuse(request, "there is no feedback in this environment; only submit")
        self.validation = self._grader.validate(request.content)
        self.validate_calls_used += 1
        if not self.validation.valid:
            return Reply(1, f"{request.path} is not valid: {self.validation.message}\n")
        return Reply(0, f"{request.path} is a valid submission\n")

    def _score(self, request: Request) -> Reply:
        if self._feedback != "score":
            return _refuse(request, "scores are not shown in this environment")
        if not self.score_calls_left:
            return _refuse(request, "no calls are left")
        try:
            score = self._grader.public_score(request.content)
        except SubmissionError as error:
            self.validation = Validation(False, error.code, error.message)
            self.validate_calls_used += 1
            return Reply(1, f"{request.path} can't be scored: {error}\n")
        self.validation = Validation(True)
        self.score_calls_used += 1
        return Reply(0, f"public score: {score:.5f} ({self.score_calls_left} calls left)\n")

    def _submit(self, request: Request) -> Reply:
        self.grade = self._final(request.content)
        return Reply(0, f"{request.path} was handed in; the episode is over\n", end_command=True)


def _refuse(request: Request, reason: str) -> Reply:
    return Reply(1, f"{request.tool}: {reason}\n")

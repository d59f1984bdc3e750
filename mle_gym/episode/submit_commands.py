"""What ``validate``, ``score`` and ``submit`` answer, and the grade that ends an episode."""

from __future__ import annotations

import contextlib
import logging
import posixpath
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mle_gym.errors import DatasetError, SandboxCrashed, SandboxError, SubmissionError, TaskError
from mle_gym.grading.grade import Validation
from mle_gym.sandbox.protocol import Reply, Request

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.episode.failures import Stage
    from mle_gym.grading.grade import Grade
    from mle_gym.grading.graders.grader import Grader
    from mle_gym.grading.graders.program_run import ProgramRunner
    from mle_gym.sandbox.files import Files
    from mle_gym.tasks.spec import SubmissionSpec

__all__ = ["SubmitCommands", "most_bytes"]

_log = logging.getLogger(__name__)

_OVER = Reply(1, "the episode is over\n", end_command=True)


class SubmitCommands:
    """Keeps one episode's answers: a sandbox passes it bytes and never sees the grader.

    Args:
        dataset: What is graded against.
        feedback: ``"none"``, ``"validate"`` or ``"score"``: what may be asked before submitting.
        score_calls: How often ``score`` may be asked.
        runner: Runs what is handed in, where that is a program.
        sandbox: The episode's own kind of sandbox. A ``grade.py`` runs in one of that kind where no
            isolating one can be had.
        score_ci: Whether the grade tells how much of the score is luck.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        feedback: str,
        score_calls: int,
        runner: ProgramRunner | None = None,
        sandbox: str = "auto",
        score_ci: bool = False,
    ) -> None:
        self.score_calls_used = 0
        self.validate_calls_used = 0
        """How often a submission's format was told: ``validate``, and ``score`` of a bad one."""
        self.handed_in: bytes | Files | None = None
        """What ``submit`` was given, to be graded when its command is over."""
        self.grade: Grade | None = None
        """Set once, when the episode ends."""
        self.predictions: bytes | None = None
        """What was graded, once the episode has ended."""
        self.program: Files | None = None
        """What made them, where programs are handed in."""
        self.stage: Stage = "step"
        """``"grade"`` once there is something to grade."""
        self.validation: Validation | None = None
        """Of the last ``validate`` or ``score``; each step starts without one."""
        self._score_calls = score_calls if feedback == "score" else 0
        self._dataset = dataset
        self._feedback = feedback
        self.runner = runner
        self._sandbox = sandbox
        self._score_ci = score_ci

    @property
    def score_calls_left(self) -> int:
        """How often ``score`` may still be asked."""
        return max(0, self._score_calls - self.score_calls_used)

    @property
    def max_bytes(self) -> int:
        """The largest submission that is looked at."""
        return most_bytes(self._dataset.task.submission)

    def answer(self, request: Request, seconds: float) -> Reply:
        """Serve one call, whether a command inside the sandbox or a tool call made it.

        What is submitted is only taken: :meth:`end` grades it, outside of any command.

        Args:
            request: What is asked.
            seconds: How long who asks will wait for a program to run.
        """
        if self.handed_in is not None:
            return _OVER
        if request.folder is not None and self.runner is None:
            return _refuse(request, f"{request.path}: is a folder")
        held = len(request.content) + sum(map(len, (request.folder or {}).values()))
        if held > self.max_bytes:
            size = f"{held:,} bytes, at most {self.max_bytes:,} are allowed"
            return _refuse(request, f"{request.path}: has {size}")
        answer = {"validate": self._validate, "score": self._score, "submit": self._submit}
        try:
            with self._within(seconds):
                return answer[request.tool](request)
        except (TaskError, DatasetError, SandboxError, OSError, MemoryError) as error:
            return self._unanswered(request, error)

    def end(self, handed: bytes | Files | None) -> None:
        """Give the grade; of None, if nothing was handed in.

        Raises:
            TaskError: The task's grader is broken.
            DatasetError: The data that the agent worked with were deleted meanwhile.
            SandboxError: What is handed in has to be run, and nothing could be run.
        """
        self.stage = "grade"
        self._dataset.check()
        self.grade = self._grader.grade(handed)
        if handed is None or isinstance(handed, bytes):
            self.predictions = handed
        elif self.runner is not None:
            self.program, self.predictions = handed, self.runner.predictions

    def cancel(self) -> None:
        """End a program that runs for a grade. From any thread."""
        if self.runner is not None:
            self.runner.cancel()

    def call_off(self) -> None:
        """End a program that runs for a call whose answer nobody waits for. From any thread."""
        if self.runner is not None:
            self.runner.call_off()

    def promising(self, content: bytes | Files, seconds: float) -> bool:
        """Whether a submission could know something, for the environment itself.

        Args:
            content: The submission.
            seconds: How long a program may run; one that takes longer is not promising.
        """
        with self._within(seconds):
            return self._grader.promising(content)

    def _within(self, seconds: float) -> contextlib.AbstractContextManager[None]:
        """Bounds what runs before the end; the grade's own run has the time that the task gives."""
        return contextlib.nullcontext() if self.runner is None else self.runner.within(seconds)

    @cached_property
    def _grader(self) -> Grader[Any]:
        # Imported when something is graded: it costs a second of pandas that reset should not.
        from mle_gym.grading.open_grader import open_grader

        if self.runner is None:
            return open_grader(self._dataset, score_ci=self._score_ci, sandbox=self._sandbox)
        from mle_gym.grading.graders.program import ProgramGrader

        return ProgramGrader(
            self._dataset, self.runner, score_ci=self._score_ci, sandbox=self._sandbox
        )

    def _handed(self, request: Request) -> bytes | Files:
        if self.runner is None:
            return request.content
        if request.folder is not None:
            return request.folder
        name = posixpath.basename(request.path)
        # On Linux a name may be any bytes; in grades and records it is text.
        return {name.encode("utf-8", "replace").decode(): request.content}

    def _validate(self, request: Request) -> Reply:
        if self._feedback == "none":
            return _refuse(request, "there is no feedback in this environment; only submit")
        self.validation = self._grader.validate(self._handed(request))
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
            score = self._grader.public_score(self._handed(request))
        except SubmissionError as error:
            return self._unscored(request, error)
        self.validation = Validation(True)
        self.score_calls_used += 1
        return Reply(0, f"public score: {score:.5f} ({self.score_calls_left} calls left)\n")

    def _unscored(self, request: Request, error: SubmissionError) -> Reply:
        """The answer to a ``score`` without a score; it is free unless answers were looked at."""
        self.validation = Validation(False, error.code, error.message)
        if error.saw_answers:
            self.score_calls_used += 1
            left = f" ({self.score_calls_left} calls left)"
        else:
            self.validate_calls_used += 1
            left = ""
        return Reply(1, f"{request.path} can't be scored: {error}{left}\n")

    def _unanswered(self, request: Request, error: Exception) -> Reply:
        """The answer where the grader failed. What it raised may quote answers, so it is logged."""
        interrupted = isinstance(error, SandboxCrashed) and error.kind == "interrupted"
        if not interrupted:
            _log.error("%s of %s failed", request.tool, self._dataset.task.id, exc_info=error)
        if request.tool == "score":
            self.score_calls_used += 1
        else:
            self.validate_calls_used += 1
        if interrupted:
            return _refuse(request, "it was interrupted")
        return _refuse(request, "the grader failed, which is not the submission's fault")

    def _submit(self, request: Request) -> Reply:
        self.handed_in = self._handed(request)
        return Reply(0, f"{request.path} was handed in; the episode is over\n", end_command=True)


def most_bytes(spec: SubmissionSpec) -> int:
    """The largest submission that is looked at: a file, or a program's files together."""
    return spec.max_bytes if spec.code is None else spec.code.max_bytes


def _refuse(request: Request, reason: str) -> Reply:
    return Reply(1, f"{request.tool}: {reason}\n")

"""The commands ``validate``, ``score`` and ``submit``, and the grade that ends an episode."""

from __future__ import annotations

import contextlib
import logging
import posixpath
import time
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mle_gym.episode.public_score_line import public_score_line
from mle_gym.errors import DatasetError, SandboxCrashed, SandboxError, SubmissionError, TaskError
from mle_gym.grading.grade import Validation
from mle_gym.sandbox import pack_files
from mle_gym.sandbox.protocol import Reply, Request
from mle_gym.sandbox.sandbox_config import InsideCommand

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.episode.failures import Stage
    from mle_gym.grading.grade import Grade
    from mle_gym.grading.graders.grader import Grader
    from mle_gym.grading.graders.program_run import ProgramRunner
    from mle_gym.sandbox.protocol import Files
    from mle_gym.tasks.spec import SubmissionSpec

__all__ = ["INSIDE_COMMANDS", "SubmitCommands", "largest_submission"]

_log = logging.getLogger(__name__)

_OVER = Reply(1, "the episode is over\n", end_command=True)

CHECK_SECONDS = 60.0
"""Seconds of this process's processor time that an episode's ``validate`` and ``score``, and what
its milestones look at, may take in all, and proportionally more where a submission may have more
than ``_USUAL_BYTES``. The sandbox's limits don't cover that time, and the worst files of 50 MiB
take two seconds each."""
_USUAL_BYTES = 50 * 2**20
_NO_MORE_CHECKS = "this episode's checks have taken all the time they may; submit still works"


class SubmitCommands:
    """The rules, the counts and the wording of one episode's submit commands.

    A sandbox passes in bytes and never sees the grader or the answers.

    Args:
        dataset: What is graded against.
        feedback: ``"none"``, ``"validate"`` or ``"score"``: what the agent may ask for.
        score_calls: How often ``score`` answers.
        runner: Runs submitted programs, if the task asks for programs.
        sandbox: The episode's sandbox backend. A ``grade.py`` runs on it if no isolating backend
            can run.
        score_ci: Whether the grade has an interval of the score over resampled test rows.
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
        """How often the agent learned about a format: ``validate``, or ``score`` of a bad file."""
        self.handed_in: bytes | Files | None = None
        """What was submitted, to be graded when the command is over."""
        self.grade: Grade | None = None
        """Set once, when the episode ends."""
        self.predictions: bytes | None = None
        """What was graded, once the episode has ended."""
        self.program: Files | None = None
        """The files that made the predictions, if the task asks for programs."""
        self.stage: Stage = "step"
        """``"grade"`` once there is something to grade."""
        self.validation: Validation | None = None
        """The result of the last ``validate`` or ``score``; None at the start of each step."""
        self._check_seconds = 0.0
        self._score_calls = score_calls if feedback == "score" else 0
        self._dataset = dataset
        self._feedback = feedback
        self.runner = runner
        self._sandbox = sandbox
        self._score_ci = score_ci

    @property
    def score_calls_left(self) -> int:
        """How often ``score`` may still be called."""
        return max(0, self._score_calls - self.score_calls_used)

    @property
    def takes_folders(self) -> bool:
        """Whether a folder may be handed in: a program's files, or a submission of several."""
        return self.runner is not None or self._dataset.task.submission.kind == "files"

    @property
    def max_bytes(self) -> int:
        """The largest submission that is accepted, in bytes."""
        return largest_submission(self._dataset.task.submission)

    def answer(self, request: Request, seconds: float) -> Reply:
        """Answer one call, made by a command inside the sandbox or by a tool call.

        A submission is only stored here. :meth:`end` grades it when no command is running.

        Args:
            request: The call.
            seconds: How long the caller will wait for a program to run.
        """
        if self.handed_in is not None:
            return _OVER
        if request.folder is not None and not self.takes_folders:
            return _refuse(request, f"{request.path}: is a folder")
        held = len(request.content) + sum(map(len, (request.folder or {}).values()))
        if held > self.max_bytes:
            size = f"{held:,} bytes, at most {self.max_bytes:,} are allowed"
            return _refuse(request, f"{request.path}: has {size}")
        answer = {"validate": self._validate, "score": self._score, "submit": self._submit}
        try:
            with self._within(seconds), self._charged():
                return answer[request.tool](request)
        except (TaskError, DatasetError, SandboxError, OSError, MemoryError) as error:
            return self._unanswered(request, error)

    def end(self, handed: bytes | Files | None) -> None:
        """Grade what was submitted; None stands for nothing.

        Raises:
            TaskError: The task's grader is broken.
            DatasetError: The data that the agent worked with have been deleted.
            SandboxError: A program or a ``grade.py`` couldn't be run.
        """
        self.stage = "grade"
        self.begin()
        self._dataset.check()
        if self.runner is None and handed is not None and not isinstance(handed, bytes):
            handed = pack_files(handed)
        self.grade = self._grader.grade(handed)
        if handed is None or isinstance(handed, bytes):
            self.predictions = handed
        elif self.runner is not None:
            self.program, self.predictions = handed, self.runner.predictions

    def begin(self) -> None:
        """Begin a new request, so that an earlier cancellation no longer applies."""
        if self.runner is not None:
            self.runner.begin()

    def cancel(self) -> None:
        """End a program that is run for a grade, or is about to be. From any thread."""
        if self.runner is not None:
            self.runner.cancel()

    def close(self) -> None:
        """Like :meth:`cancel`, and refuse to run any other program."""
        if self.runner is not None:
            self.runner.close()

    def call_off(self) -> None:
        """End a program that is run for a call whose caller no longer waits. From any thread."""
        if self.runner is not None:
            self.runner.call_off()

    def promising(self, content: bytes | Files, seconds: float) -> bool:
        """Whether a submission may have learned anything. For rewards, never for the agent.

        Nothing is promising any more when the episode's checks have taken all their time: an agent
        could have one made after each step.

        Args:
            content: The submission.
            seconds: How long a program may run. A slower one is not promising.
        """
        if self._checks_are_used_up:
            return False
        self.begin()
        if self.runner is None and not isinstance(content, bytes):
            content = pack_files(content)
        with self._within(seconds), self._charged():
            return self._grader.promising(content)

    def _within(self, seconds: float) -> contextlib.AbstractContextManager[None]:
        """Limit a program's time during the episode. Its grade may use all that the task allows."""
        return contextlib.nullcontext() if self.runner is None else self.runner.within(seconds)

    @cached_property
    def _grader(self) -> Grader[Any]:
        # Imported when something is graded: pandas costs a second, which reset shouldn't pay.
        from mle_gym.grading.open_grader import open_grader

        return open_grader(
            self._dataset, self.runner, score_ci=self._score_ci, sandbox=self._sandbox
        )

    def _handed(self, request: Request) -> bytes | Files:
        if self.runner is None:
            return request.content if request.folder is None else pack_files(request.folder)
        if request.folder is not None:
            return request.folder
        name = posixpath.basename(request.path)
        # On Linux a name may be any bytes. In grades and records it has to be text.
        return {name.encode("utf-8", "replace").decode(): request.content}

    @contextlib.contextmanager
    def _charged(self) -> Iterator[None]:
        """Count what a call takes of this process's time; a program's sandbox has its own limit."""
        began = time.thread_time()
        try:
            yield
        finally:
            self._check_seconds += time.thread_time() - began

    @property
    def _checks_are_used_up(self) -> bool:
        return self._check_seconds > CHECK_SECONDS * max(1.0, self.max_bytes / _USUAL_BYTES)

    def _validate(self, request: Request) -> Reply:
        if self._feedback == "none":
            return _refuse(request, "this environment gives no feedback before submit")
        if self._checks_are_used_up:
            return _refuse(request, _NO_MORE_CHECKS)
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
        if self._checks_are_used_up:
            return _refuse(request, _NO_MORE_CHECKS)
        try:
            score = self._grader.public_score(self._handed(request))
        except SubmissionError as error:
            return self._unscored(request, error)
        self.validation = Validation(True)
        self.score_calls_used += 1
        return Reply(0, public_score_line(score, self.score_calls_left))

    def _unscored(self, request: Request, error: SubmissionError) -> Reply:
        """The reply without a score. The call is free unless answers were used."""
        self.validation = Validation(False, error.code, error.message)
        if error.saw_answers:
            self.score_calls_used += 1
            left = f" ({self.score_calls_left} calls left)"
        else:
            self.validate_calls_used += 1
            left = ""
        return Reply(1, f"{request.path} can't be scored: {error}{left}\n")

    def _unanswered(self, request: Request, error: Exception) -> Reply:
        """The reply if the grader failed. Its error may quote answers, so it is only logged."""
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


INSIDE_COMMANDS = dict.fromkeys(
    ("validate", "score", "submit"), InsideCommand("submission.csv", "MLE_GYM_SUBMISSION")
)
"""The same commands as a sandbox offers them on its ``PATH``."""


def largest_submission(spec: SubmissionSpec) -> int:
    """The largest submission that is accepted: a file, or a program's files together."""
    return spec.max_bytes if spec.code is None else spec.code.max_bytes


def _refuse(request: Request, reason: str) -> Reply:
    return Reply(1, f"{request.tool}: {reason}\n")

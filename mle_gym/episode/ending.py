"""How an episode ends, and what is graded then."""

from __future__ import annotations

import contextlib
import logging

from mle_gym.episode.failures import Failure
from mle_gym.episode.perform_actions import ActionPerformer
from mle_gym.episode.submit_commands import SubmitCommands
from mle_gym.errors import SandboxEnded, SandboxError, SubmissionError
from mle_gym.grading.grade import Grade
from mle_gym.sandbox.protocol import Execution, Sandbox

__all__ = ["Ending"]

_log = logging.getLogger(__name__)


class Ending:
    """Something was handed in, the budget was spent, the agent broke its sandbox, or we failed.

    Args:
        sandbox: The episode's.
        commands: Grades what was handed in.
        actions: Reads the file at the submission's path.
        filename: That path.
    """

    def __init__(
        self, sandbox: Sandbox, commands: SubmitCommands, actions: ActionPerformer, filename: str
    ) -> None:
        self._sandbox, self._commands = sandbox, commands
        self._actions, self._filename = actions, filename
        self.submitted = False
        self.truncated = False
        self.failure: Failure | None = None
        self.note = ""
        """What the agent reads about the end; empty if it handed something in."""

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return self.submitted or self.truncated or self.failure is not None

    @property
    def grade(self) -> Grade | None:
        """The grade that ended it; None before, and after a failure that leaves no grade."""
        if self.failure is not None and not self.failure.keeps_grade:
            return None
        return self._commands.grade

    def hand_in(self) -> None:
        """Grade what a command has handed in."""
        if self._commands.runner is not None:
            # Nothing of the agent's may slow down the reference that its program is measured by. A
            # sandbox that is gone has nothing that runs.
            with contextlib.suppress(SandboxError):
                self._sandbox.expire(0)
        self._commands.end(self._commands.handed_in)
        self.submitted = True

    def cut_off(self, why: str) -> None:
        """Stop everything immediately, and grade the file at the submission's path."""
        # In this order: no program may improve its submission after the time is up.
        try:
            self._sandbox.expire(0)
            content = self._actions.submission()
            found = f"{self._filename} was graded as it is"
        except (SubmissionError, SandboxEnded) as error:
            content, found = None, f"no submission was found ({error})"
        self._commands.end(content)
        self.truncated, self.note = True, f"\n[the episode is over: {why}; {found}]\n"

    def brought_down(self, error: SandboxEnded) -> Execution:
        """Grade "no submission", since the agent brought its sandbox down, with any file in it."""
        self._commands.end(None)
        self.truncated = True
        why = "ran out of memory" if error.killed_by == "memory" else "was brought down"
        self.note = f"\n[the episode is over: the sandbox {why} and is gone]\n"
        return Execution(137, f"{error}\n".encode(), killed_by=error.killed_by)

    def fail(self, error: Exception) -> Failure:
        """End without a score."""
        failure = self.failure = Failure.of(error, self._commands.stage)
        if failure.kind == "host_error":
            _log.error("a step failed", exc_info=error)  # this may be a bug, so it must be visible
        return failure

"""The outcome of one call of a ``grade.py``. Everything that is read here may be hostile."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mle_gym.errors import DatasetError, SubmissionError, TaskError
from mle_gym.grading.score import Part, read_parts
from mle_gym.sandbox.protocol import Execution

__all__ = ["CallOutcome", "died", "not_finite", "read_reply", "tail", "too_slow", "understood"]

LONGEST_REASON = 300
"""Characters of a ``grade.py``'s own message that an agent sees."""
CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True)
class CallOutcome:
    """A score, the refusal of a ``grade.py``, or how it failed."""

    score: float | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    """What the score is made of, where the ``grade.py`` says so."""
    refusal: SubmissionError | None = None
    """In the words of ``grade.py``, which the agent may read."""
    failure: SubmissionError | None = None
    """In our words, since an exception's own message may quote an answer."""
    detail: str = ""
    """Everything that is known about a failure; not for agents."""

    @property
    def graded(self) -> bool:
        """Whether there is a finite score."""
        return self.score is not None and math.isfinite(self.score)

    @property
    def slow(self) -> bool:
        """Whether time ran out."""
        return self.failure is not None and self.failure.code == "too_slow"

    @property
    def error(self) -> SubmissionError:
        """Why the submission is refused, where it is."""
        if self.score is not None:
            return not_finite(self.score)
        return self.refusal or self.failure or SubmissionError("refused", "it has no score")

    def describe(self) -> str:
        """What happened, for the task's author."""
        if self.score is not None:
            return f"its score is {self.score}"
        return self.detail or str(self.refusal or self.failure)


def read_reply(output: bytes) -> dict[str, str] | None:
    """A line of JSON that is an object of strings; None for anything else."""
    try:
        reply = json.loads(output)
    except (ValueError, RecursionError):
        return None
    fits = isinstance(reply, dict) and all(isinstance(value, str) for value in reply.values())
    return reply if fits else None


def understood(reply: dict[str, str], seconds: float) -> CallOutcome:
    """The outcome that a reply stands for.

    Raises:
        TaskError: The grader raised it on purpose.
        DatasetError: Likewise.
    """
    message = reply.get("message", "")
    if "score" in reply:
        try:
            return CallOutcome(float(reply["score"]), read_parts(reply.get("parts", "{}")))
        except ValueError:
            return died(f"it answered {reply['score'][:100]!r}", memory=False)
    if "refused" in reply:
        code = reply["refused"] if CODE.fullmatch(reply["refused"]) else "refused"
        return CallOutcome(refusal=SubmissionError(code, message[:LONGEST_REASON]))
    if "raised" in reply:
        kind = TaskError if reply["raised"] == "TaskError" else DatasetError
        raise kind(message)
    kind_name = reply.get("failed", "")
    if kind_name == "SIGXCPU":
        return too_slow(seconds)
    note = f" ({kind_name})" if kind_name.isidentifier() else ""
    failure = SubmissionError("refused", f"the task's grader failed on this submission{note}")
    return CallOutcome(failure=failure, detail=message)


def died(detail: str, *, memory: bool) -> CallOutcome:
    """The outcome if the process that graded is gone."""
    if memory:
        failure = SubmissionError("too_much_memory", "grading took more memory than it may have")
    else:
        failure = SubmissionError("refused", "the task's grader died of this submission")
    return CallOutcome(failure=failure, detail=detail or failure.message)


def too_slow(seconds: float) -> CallOutcome:
    """The outcome if time ran out."""
    return CallOutcome(failure=SubmissionError("too_slow", f"grading took over {seconds:g} s"))


def not_finite(score: float) -> SubmissionError:
    """Why a submission with such a score is refused."""
    return SubmissionError("score_not_finite", f"the score of this submission is {score}")


def tail(run: Execution) -> str:
    """The end of what a command printed, for error messages."""
    return run.output[-1000:].decode("utf-8", "replace").strip() or f"exit code {run.exit_code}"

"""Failures: why an episode has no valid reward.

An episode ends with a grade or with a failure, and with both only if the caller's own reward
function failed on the grade. The agent's own doing is never a failure: if its programs bring down
the sandbox, that is graded as "no submission". A failure requires a cause seen outside of the
sandbox. Trainers mask by ``info["reward_valid"]``, which is False exactly when
``info["failure"]`` is not None; evaluation retries what is ``retryable``.

Kinds are named ``<domain>_<condition>``, so that they serve as labels of metrics. The vocabulary is
closed: a new kind is a new row of :data:`KINDS`.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, Self

from mle_gym.errors import DatasetError, MleGymError, RewardError, SandboxError, TaskError

__all__ = ["KINDS", "Cause", "Failure", "Kind", "Stage"]

Stage = Literal["prepare", "reset", "step", "grade"]
"""When it happened."""
Cause = Literal["infrastructure", "task", "caller"]
"""Who is responsible. What an agent does leads to a grade, so ``"agent"`` is not a cause."""


class Kind(NamedTuple):
    """What a kind of failure means."""

    cause: Cause
    retryable: bool
    """Whether the same episode is likely to succeed if it is played again."""
    meaning: str


KINDS: dict[str, Kind] = {
    "sandbox_unavailable": Kind(
        "infrastructure", False, "the backend can't run on this machine; the message says why"
    ),
    "sandbox_died": Kind(
        "infrastructure", True, "the sandbox ended, and its launcher or daemon was seen to fail"
    ),
    "sandbox_silent": Kind(
        "infrastructure", True, "the sandbox did not answer in time, and the host is not healthy"
    ),
    "host_out_of_memory": Kind(
        "infrastructure", True, "the host's memory, not the sandbox's limit, ended the sandbox"
    ),
    "host_out_of_disk": Kind("infrastructure", True, "a disk of the host is full"),
    "server_unavailable": Kind(
        "infrastructure", True, "the server that played the episode is gone, or can't be reached"
    ),
    "dataset_unavailable": Kind("infrastructure", False, "the data can't be prepared here"),
    "dataset_gone": Kind(
        "infrastructure", True, "the prepared files were deleted or damaged during the episode"
    ),
    "grader_failed": Kind("task", False, "the task's grader raised, or broke its own rules"),
    "grader_unavailable": Kind(
        "infrastructure", True, "the grader could not be run: its own sandbox failed"
    ),
    "task_broken": Kind("task", False, "the task's folder or its own code is broken"),
    "reward_failed": Kind(
        "caller", False, "the caller's reward function raised, or paid no finite number"
    ),
    "interrupted": Kind("caller", True, "the episode was closed or reset during the step"),
    "host_error": Kind(
        "infrastructure", True, "an error of the host that no other kind names; see the message"
    ),
}
"""The vocabulary."""


@dataclass(frozen=True)
class Failure:
    """Why an episode has no valid reward."""

    kind: str
    """A key of :data:`KINDS`."""
    stage: Stage
    message: str
    """What happened and what to do about it, for people."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such kind of failure: {self.kind!r}")

    @property
    def cause(self) -> Cause:
        """Who is responsible."""
        return KINDS[self.kind].cause

    @property
    def retryable(self) -> bool:
        """Whether the same episode is likely to succeed if it is played again."""
        return KINDS[self.kind].retryable

    @property
    def keeps_grade(self) -> bool:
        """Whether the episode may still have a grade, since only its reward could not be paid."""
        return self.kind == "reward_failed"

    def to_dict(self) -> dict[str, Any]:
        """As in ``info["failure"]``: kind, stage, cause, retryable, message."""
        return asdict(self) | {"cause": self.cause, "retryable": self.retryable}

    @classmethod
    def of(cls, error: BaseException, stage: Stage) -> Self:
        """Classify an exception that was raised at a stage of an episode."""
        known = isinstance(error, MleGymError | OSError)
        message = str(error) if known and str(error) else f"{type(error).__name__}: {error}"
        return cls(_kind(error, stage), stage, message)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Undo :meth:`to_dict`.

        Raises:
            ValueError: The kind is unknown.
            KeyError: A field is missing.
        """
        return cls(values["kind"], values["stage"], values["message"])


_NO_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})


def _kind(error: BaseException, stage: Stage) -> str:
    """The kind of failure that an exception means.

    A full disk or memory is looked for in the whole chain, since it surfaces as many exceptions.
    """
    if isinstance(error, RewardError):
        return "reward_failed"
    if isinstance(error, TaskError):
        return "grader_failed" if stage == "grade" else "task_broken"
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno in _NO_DISK:
            return "host_out_of_disk"
        if isinstance(each, MemoryError) or getattr(each, "errno", None) == errno.ENOMEM:
            return "host_out_of_memory"
    if isinstance(error, SandboxError):
        lost = stage == "grade" and error.kind in ("sandbox_died", "sandbox_silent")
        return "grader_unavailable" if lost else error.kind
    if isinstance(error, DatasetError):
        return "dataset_gone" if stage in ("step", "grade") else "dataset_unavailable"
    return "host_error"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those that led to it, from the last to the first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__

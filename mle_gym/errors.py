"""What can go wrong, as a tree.

Each exception also derives from the built-in that fits, so callers may catch either.

    MleGymError                 Exception
    ├── TaskError               ValueError      a task folder is broken or unknown
    ├── DatasetError            RuntimeError    no data; the message says how to get them
    │   └── CacheError                          others may write the cache
    ├── SandboxError            RuntimeError    the machinery failed
    │   ├── SandboxUnavailable                  a backend can't run here
    │   └── SandboxCrashed      ConnectionError a running sandbox died or broke its protocol
    │       └── SandboxEnded                    programs in the sandbox brought it down
    ├── RewardError             ValueError      the caller's own reward function is broken
    ├── AgentError              ValueError      no such agent, or its file can't be used
    ├── PlanError               ValueError      an evaluation's plan can't be used
    ├── TrajectoryError         ValueError      a file is not a trajectory, or is damaged
    ├── SnapshotError           ValueError      a snapshot can't be taken or continued here
    ├── ActionError             ValueError      a malformed action; inside an episode an observation
    └── SubmissionError         ValueError      a bad submission; inside an episode a grade
"""

from __future__ import annotations

from typing import Literal

from mle_gym.text import clean_text

__all__ = [
    "FULL_DISK",
    "ActionError",
    "AgentError",
    "CacheError",
    "DatasetError",
    "MleGymError",
    "PlanError",
    "RewardError",
    "SandboxCrashed",
    "SandboxEnded",
    "SandboxError",
    "SandboxUnavailable",
    "SnapshotError",
    "SubmissionError",
    "TaskError",
    "TrajectoryError",
]


FULL_DISK = frozenset({"ENOSPC", "EDQUOT", "EFBIG", "EROFS"})
"""Names of the operating system's errors that mean that nothing more can be written."""


class MleGymError(Exception):
    """The base of every exception that mle_gym raises on purpose.

    Messages quote names and contents of files, so they are cleaned when they are shown.
    """

    def __str__(self) -> str:
        return clean_text(super().__str__())


class TaskError(MleGymError, ValueError):
    """A task folder is broken, or no task has that name."""


class DatasetError(MleGymError, RuntimeError):
    """A dataset can't be prepared; the message says how to get the data."""


class CacheError(DatasetError):
    """Others may write the cache, and so decide what is run and graded.

    The message says how to change that.
    """


class SandboxError(MleGymError, RuntimeError):
    """The machinery failed, so there is no score.

    Only :class:`SandboxEnded` is the agent's own doing, and is graded.

    Args:
        message: What happened.
        kind: The kind of :class:`~mle_gym.episode.failures.Failure` that it becomes.
    """

    def __init__(self, message: str = "", *, kind: str = "sandbox_died") -> None:
        super().__init__(message)
        self.kind = kind


class SandboxUnavailable(SandboxError):
    """A backend can't run on this machine; the message says what to install."""

    def __init__(self, message: str = "", *, kind: str = "sandbox_unavailable") -> None:
        super().__init__(message, kind=kind)


class SandboxCrashed(SandboxError, ConnectionError):
    """A running sandbox died, stopped answering, or broke its protocol, by an outside cause."""


class SandboxEnded(SandboxCrashed):
    """Programs in a sandbox brought it down, while everything outside of it is healthy.

    In an episode that is the agent's doing, and the episode ends without a submission. In a sandbox
    that runs a submitted program, the submission is not valid.

    Args:
        message: What happened.
        killed_by: ``"memory"`` if the sandbox's own limit ended it, else empty.
    """

    def __init__(self, message: str = "", *, killed_by: Literal["", "memory"] = "") -> None:
        super().__init__(message)
        self.killed_by: Literal["", "memory"] = killed_by


class RewardError(MleGymError, ValueError):
    """The caller's own reward function raised, or paid something other than a finite number."""


class AgentError(MleGymError, ValueError):
    """No agent has that name, its file can't be used, or it does not accept the arguments."""


class PlanError(MleGymError, ValueError):
    """The plan of an evaluation can't be used, or its folder holds another one."""


class TrajectoryError(MleGymError, ValueError):
    """A file is not a trajectory, or is damaged before its last line."""


class SnapshotError(MleGymError, ValueError):
    """A snapshot can't be taken, or an episode can't continue from it here."""


class ActionError(MleGymError, ValueError):
    """An action is malformed. Inside an episode it becomes an observation."""


class SubmissionError(MleGymError, ValueError):
    """A submission can't be graded. Inside an episode it becomes a grade.

    Args:
        code: A short machine-readable reason, such as ``"duplicate_ids"``.
        message: What was found, what was expected, and where. It is cleaned, since it may quote an
            agent's files, whose names and contents may be anything.
    """

    def __init__(self, code: str, message: str) -> None:
        # A carriage return would otherwise hide the text before it.
        message = clean_text(message.replace("\r", "␍"))
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.saw_answers = False
        """Whether the error depends on hidden answers or inputs, so that it counts as a score."""

    def __str__(self) -> str:
        return self.message

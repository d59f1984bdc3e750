"""What can go wrong, as a tree.

Each exception also derives from the built-in that fits, so callers may catch either.

    MleGymError                 Exception
    ├── TaskError               ValueError      a task folder is broken or unknown
    ├── DatasetError            RuntimeError    no data; says how to get them
    ├── SandboxError            RuntimeError    the machinery failed
    │   ├── SandboxUnavailable                  a backend can't run here; says what to install
    │   └── SandboxCrashed      ConnectionError a running sandbox died or broke its protocol
    │       └── SandboxExhausted                what ran in it took all of its memory
    ├── AgentError              ValueError      no such agent, or its file can't be used
    ├── TrajectoryError         ValueError      a file is no trajectory, or damaged
    ├── SnapshotError           ValueError      a snapshot can't be taken or continued here
    ├── ActionError             ValueError      a malformed action; inside an episode an observation
    └── SubmissionError         ValueError      a bad submission; inside an episode a grade
"""

from __future__ import annotations

__all__ = [
    "ActionError",
    "AgentError",
    "DatasetError",
    "MleGymError",
    "SandboxCrashed",
    "SandboxError",
    "SandboxExhausted",
    "SandboxUnavailable",
    "SnapshotError",
    "SubmissionError",
    "TaskError",
    "TrajectoryError",
]


class MleGymError(Exception):
    """Base of everything that mle_gym raises on purpose."""


class TaskError(MleGymError, ValueError):
    """A task folder is broken, or no task has that name."""


class DatasetError(MleGymError, RuntimeError):
    """A dataset can't be prepared; the message says how to get the data."""


class SandboxError(MleGymError, RuntimeError):
    """The sandbox machinery failed. Never a score, and but for one case never the agent's fault."""


class SandboxUnavailable(SandboxError):
    """A backend can't run on this machine; the message says what to install."""


class SandboxCrashed(SandboxError, ConnectionError):
    """A running sandbox died, stopped answering, or broke its protocol."""


class SandboxExhausted(SandboxCrashed):
    """What ran in a sandbox took so much memory that the kernel ended the sandbox itself.

    The kernel says so of the sandbox's own control group, which nothing else is in: inside an
    episode that is the agent's doing, and the episode ends without a submission.
    """


class AgentError(MleGymError, ValueError):
    """No agent has that name, its file can't be used, or it does not take those arguments."""


class TrajectoryError(MleGymError, ValueError):
    """A file is no trajectory, or is damaged elsewhere than in its last line."""


class SnapshotError(MleGymError, ValueError):
    """A snapshot can't be taken, or not be continued from here; the message says why."""


class ActionError(MleGymError, ValueError):
    """An action is malformed. Inside an episode it becomes an observation."""


class SubmissionError(MleGymError, ValueError):
    """A submission can't be graded. Inside an episode it becomes a grade.

    Args:
        code: Short machine-readable reason, for instance ``"duplicate_ids"``.
        message: What was found, what was expected, and where.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message

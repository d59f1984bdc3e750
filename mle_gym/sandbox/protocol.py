"""What every sandbox is: the types that cross its border, and nothing about how one is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, Self

from mle_gym.sandbox.limits import Limits

if TYPE_CHECKING:
    from mle_gym.sandbox.snapshots.store import Lease

__all__ = [
    "PRELOAD",
    "Backend",
    "Execution",
    "Files",
    "InsideCommand",
    "Mount",
    "Reply",
    "Request",
    "Sandbox",
    "SandboxConfig",
    "Shown",
]

Files = Mapping[str, bytes]
"""What is taken out of a sandbox as a folder: relative path, with slashes, to content."""

PRELOAD = (
    "numpy",
    "pandas",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.sparse",
    "scipy.stats",
    "sklearn.cluster",
    "sklearn.compose",
    "sklearn.datasets",
    "sklearn.decomposition",
    "sklearn.dummy",
    "sklearn.ensemble",
    "sklearn.feature_extraction.text",
    "sklearn.feature_selection",
    "sklearn.gaussian_process",
    "sklearn.impute",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.naive_bayes",
    "sklearn.neighbors",
    "sklearn.neural_network",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "sklearn.svm",
    "sklearn.tree",
)
"""What warm Python imports ahead unless told otherwise."""

MOST_HANDED_IN = 1 << 27
"""Bytes of the largest file that a command hands in."""


@dataclass(frozen=True)
class Mount:
    """A host folder that the sandbox sees read-only."""

    source: Path
    target: str
    """Relative to the workspace (``"data"``)."""


@dataclass(frozen=True)
class InsideCommand:
    """A command that hands a file or a folder over to the caller and prints its answer.

    Called as ``NAME [PATH]``. What it means is the caller's business: the sandbox only passes on
    what lies at the path, as a :class:`Request`.
    """

    default_path: str
    """What it hands over when no path is given."""
    default_variable: str = ""
    """A variable that names another default in the commands whose environment has it."""


@dataclass(frozen=True)
class SandboxConfig:
    """Everything a backend needs to make a sandbox."""

    limits: Limits = field(default_factory=Limits)
    mounts: tuple[Mount, ...] = ()
    hidden: tuple[str, ...] = ()
    """Paths to mask, because they hold a task's answers: absolute ones, or below ``site-packages``
    (``"sklearn/datasets/data/iris.csv"``). ``mle_gym`` and its checkout are always masked."""
    python: Path | None = None
    """Interpreter offered to the agent; None for the one that runs this process."""
    packages: tuple[str, ...] = ()
    """Distributions of that Python to show beside the usual ones; no others are."""
    all_packages: bool = False
    """Show every distribution: for a task's own code, never for an agent's. Images have theirs."""
    environment: tuple[tuple[str, str], ...] = ()
    """Extra environment variables for commands."""
    network: bool = False
    gpus: tuple[str, ...] = ()
    """GPU indices or UUIDs to pass through."""
    runtime: str = ""
    """What the Docker daemon is to run containers with, by the name it knows it (``"runsc"``);
    its default if empty. Backends without a choice of runtimes ignore it."""
    commands: Mapping[str, InsideCommand] = field(default_factory=dict)
    """Name to what the caller offers on the ``PATH`` inside; see :meth:`Sandbox.begin`."""
    most_handed_in: int = MOST_HANDED_IN
    """Bytes of what one call of these commands hands over; larger files are refused unread."""
    layers: tuple[Path, ...] = ()
    """A snapshot's files: host folders that the workspace starts with, stacked, topmost first, and
    never written to. A backend that can't mount them ignores them; :meth:`Sandbox.restore` sends
    the files then."""
    layers_bytes: int = 0
    """What these files hold together."""
    warm: bool = True
    """Run ``python`` in forks of a process that has its libraries imported, on backends that can.
    To the program nothing differs but the time."""
    preload: tuple[str, ...] = PRELOAD
    """Modules that process imports; the ones that are not installed are left out."""


@dataclass(frozen=True)
class Execution:
    """How one command or file action ended."""

    exit_code: int
    """0 to 255; 124 after a timeout, 128 + signal when killed, 2 for a malformed call."""
    output: bytes
    """Standard output and standard error interleaved: its head and tail, at most
    ``Limits.output_bytes`` plus the note that says what was cut."""
    duration: float = 0.0
    """Wall-clock seconds."""
    cpu_seconds: float = 0.0
    """User plus system time of everything the command ran and waited for."""
    peak_memory_mb: float = 0.0
    """Largest resident memory seen, in MiB."""
    timed_out: bool = False
    truncated_bytes: int = 0
    """Bytes of output that were left out."""
    killed_by: Literal["", "timeout", "memory"] = ""
    """Which limit ended the command, if one did."""
    queued: float = 0.0
    """Seconds that it waited for other commands before it began; not on the agent's clock."""
    cold: Literal["", "off", "unavailable", "late", "refused"] = ""
    """Why Python was not warm: turned off; not to be had here (``mle-gym doctor`` says why), which
    goes for every command, whatever it runs; no warm process answered this one in time; or a
    program of it needed an interpreter of its own (options, variables, open files, modules of its
    own with the names of libraries)."""


@dataclass(frozen=True)
class Request:
    """A call of one of ``SandboxConfig.commands``, made by a script inside the sandbox."""

    tool: str
    """The command's name."""
    path: str
    content: bytes
    """The file's bytes, read inside the sandbox with the sandbox's own view."""
    folder: Files | None = None
    """The files in it where ``path`` is a folder."""


@dataclass(frozen=True)
class Reply:
    """What the caller of a :class:`Request` sees."""

    exit_code: int
    output: str
    end_command: bool = False
    """Kill the rest of the command: the episode is over."""


class Sandbox(Protocol):
    """The isolated box in which one episode's commands run.

    One thread at a time may use it, but any thread may :meth:`interrupt`, :meth:`close` or
    :meth:`discard` it: what another one has under way there ends at once.

    Every method raises :class:`~mle_gym.errors.SandboxCrashed` when the sandbox is gone: a
    :class:`~mle_gym.errors.SandboxEnded` where what ran inside brought it down. Nothing else that
    the agent does raises anything.
    """

    backend: str
    workspace: str
    """Absolute path of the workspace as commands see it."""

    def execute(self, command: str | bytes, *, timeout: float) -> Execution:
        """Run a shell script; its directory, variables and functions carry over.

        Its calls of ``SandboxConfig.commands`` learn that nobody answers here.
        """

    def begin(self, command: str | bytes, *, timeout: float) -> Execution | Request:
        """Run a shell script until it ends, or makes a call that :meth:`answer` has to answer."""

    def answer(self, reply: Reply) -> Execution | Request:
        """Answer the call and go on until the script ends or makes the next one."""

    def watch(self, on_end: Callable[[], None]) -> AbstractContextManager[None]:
        """A block that seeks an answer: who made the call, or its script, may end meanwhile.

        Then ``on_end`` is called in another thread, again and again until the block ends.
        """

    def cancel(self) -> None:
        """End a script whose call will not be answered; without one, do nothing."""

    def interrupt(self) -> None:
        """End the running script as Ctrl-C does: its exit code is 130. From any thread."""

    def expire(self, seconds: float | None) -> None:
        """In so many seconds end everything that runs inside, for good; None takes it back."""

    def write_file(self, path: str, content: bytes) -> Execution:
        """Write a file, creating parent folders."""

    def edit_file(self, path: str, old: bytes, new: bytes) -> Execution:
        """Replace the one occurrence of ``old`` by ``new``."""

    def read_file(self, path: str, *, start: int = 1, lines: int | None = None) -> Execution:
        """Read a text file from line ``start`` (1-based)."""

    def list_files(self, path: str = ".") -> Execution:
        """List a folder, one entry a line."""

    def fetch(self, path: str, *, max_bytes: int) -> bytes:
        """Take a regular file out as bytes.

        Raises:
            SubmissionError: no regular file there, unreadable, or larger than ``max_bytes``.
        """

    def fetch_files(self, path: str, *, max_bytes: int) -> Files:
        """Take a file out, or all files of a folder and of those in it, but no hidden ones.

        Raises:
            SubmissionError: nothing there, something that is neither, more than 1,000 files, or
                together larger than ``max_bytes``.
        """

    def snapshot(self) -> str:
        """Keep the workspace's files and the shell's state; returns the snapshot's name.

        Processes that run in the background are stopped meanwhile, and are not part of it.

        Raises:
            SnapshotError: There is more in the workspace than ``Limits.disk_mb``, or no room.
        """

    def restore(self, lease: Lease) -> None:
        """Continue from a snapshot. Only as the first thing that a sandbox does.

        Raises:
            SnapshotError: The snapshot is damaged.
        """

    def close(self) -> None:
        """End every process and free everything. Idempotent; safe after a crash."""

    def discard(self) -> None:
        """The same, for who wants to go on: what takes long is done meanwhile."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(self, *_: object) -> None:
        """Close."""


@dataclass(frozen=True)
class Shown:
    """What sandboxes show of Python's packages."""

    digest: str = ""
    """Another one whenever something else is shown; empty where nothing is hidden."""
    packages: tuple[tuple[str, str], ...] = ()
    """Names and versions of distributions."""


class Backend(Protocol):
    """Makes sandboxes of one kind."""

    name: str

    def check(self) -> None:
        """Do nothing, or say what to install.

        Raises:
            SandboxUnavailable: It can't run here.
        """

    def create(self, config: SandboxConfig) -> Sandbox:
        """Start a sandbox."""

    def shown(self, config: SandboxConfig) -> Shown:
        """What such a sandbox would show."""

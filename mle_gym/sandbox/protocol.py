"""What every sandbox is, and what crosses its border, whichever way it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self

from mle_gym.sandbox.sandbox_config import SandboxConfig

if TYPE_CHECKING:
    from mle_gym.sandbox.snapshots.store import Lease

__all__ = [
    "Backend",
    "Execution",
    "Files",
    "OnOutput",
    "Printed",
    "Reply",
    "Request",
    "Sandbox",
    "Shown",
]

Files = Mapping[str, bytes]
"""What is taken out of a sandbox as a folder: relative path, with slashes, to content."""


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
    """User plus system time of all processes in the sandbox since the last command ended, so also
    of what earlier commands left running."""
    peak_memory_mb: float = 0.0
    """Most memory in use at the same time while the command ran, in MiB, files in memory included.
    Pages that processes share may count for each of them."""
    timed_out: bool = False
    truncated_bytes: int = 0
    """Bytes of output that were left out."""
    killed_by: Literal["", "timeout", "memory"] = ""
    """Which limit ended the command, if one did."""
    queued: float = 0.0
    """Seconds that it waited for other commands before it began. The agent's clock doesn't count
    them."""
    cold: Literal["", "off", "unavailable", "late", "refused"] = ""
    """Why Python was not warm. ``"off"``: it is turned off. ``"unavailable"``: it can't work here
    (``mle-gym doctor`` says why), whatever the command runs. ``"late"``: no warm process answered
    in time. ``"refused"``: a program needed an interpreter of its own (because of options,
    variables, open files, or its own modules with the names of libraries)."""


@dataclass(frozen=True)
class Printed:
    """What a running command has written.

    The contents that are not ``newest`` are together a beginning of the whole output
    (:attr:`Execution.output`).
    """

    content: bytes
    newest: bool = False
    """Whether these are its last bytes so far: the output is so long that its middle may be left
    out, so what follows its head is only shown in passing."""


OnOutput = Callable[[Printed], None]
"""Called in the thread that waits for the command; the command itself doesn't wait for it."""


@dataclass(frozen=True)
class Request:
    """A call of one of ``SandboxConfig.commands``, made by a script inside the sandbox."""

    tool: str
    """The command's name."""
    path: str
    content: bytes
    """The file's bytes, read inside the sandbox with the sandbox's own view."""
    folder: Files | None = None
    """The files in it if ``path`` is a folder."""


@dataclass(frozen=True)
class Reply:
    """What the caller of a :class:`Request` sees."""

    exit_code: int
    output: str
    end_command: bool = False
    """Whether to kill the rest of the command."""


class Sandbox(Protocol):
    """The isolated place in which one episode's commands run.

    One thread at a time may use it, but any thread may :meth:`interrupt`, :meth:`close` or
    :meth:`discard` it, which at once ends what another thread is doing there.

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

    def begin(
        self, command: str | bytes, *, timeout: float, on_output: OnOutput | None = None
    ) -> Execution | Request:
        """Run a shell script until it ends, or makes a call that :meth:`answer` has to answer.

        Args:
            command: The script.
            timeout: In seconds.
            on_output: Is shown what the script writes as it comes, until it ends.
        """

    def begin_cell(
        self,
        source: str,
        *,
        timeout: float,
        restart: bool = False,
        on_output: OnOutput | None = None,
    ) -> Execution | Request:
        """Run a cell of Python until it ends, or makes a call that :meth:`answer` has to answer.

        All cells run in one interpreter, whose variables live on. It starts with the first cell, as
        ``python`` would at the end of the last command, and again after it has ended for any
        reason; then the next cell's output says that the variables are gone.

        Args:
            source: The cell. The value of an expression at its end is shown.
            timeout: In seconds. Then the cell is interrupted, and if that doesn't end it, the
                interpreter is killed.
            restart: Whether to end the interpreter first. Without source, that is all.
            on_output: As for :meth:`begin`.
        """

    def answer(self, reply: Reply) -> Execution | Request:
        """Answer the call and go on until the script ends or makes the next one."""

    def watch(self, on_end: Callable[[], None]) -> AbstractContextManager[None]:
        """Watch a call while its answer is being made: its caller may end in the meantime.

        Then ``on_end`` is called in another thread, again and again until the block ends.
        """

    def cancel(self) -> None:
        """End a script whose call will not be answered; without one, do nothing."""

    def interrupt(self) -> None:
        """End the running script like Ctrl-C does, with exit code 130. Any thread may call this."""

    def expire(self, seconds: float | None) -> None:
        """End everything inside in so many seconds, for good; None cancels that."""

    def restart(self) -> Execution:
        """End every process inside, and forget the shell's directory, variables and functions."""

    def write_file(self, path: str, content: bytes) -> Execution:
        """Write a file, creating parent folders."""

    def edit_file(self, path: str, old: bytes, new: bytes) -> Execution:
        """Replace the only occurrence of ``old`` by ``new``."""

    def insert_text(self, path: str, line: int, text: bytes) -> Execution:
        """Insert whole lines after line ``line``, or at the beginning if that is 0."""

    def view(self, path: str, *, start: int = 1, lines: int | None = None) -> Execution:
        """Read a text file, its lines numbered as by ``cat -n``, or list a folder."""

    def read_file(self, path: str, *, start: int = 1, lines: int | None = None) -> Execution:
        """Read a text file from line ``start`` (1-based)."""

    def list_files(self, path: str = ".") -> Execution:
        """List a folder, one entry on each line."""

    def names(self, folder: str | None) -> list[str]:
        """The names in a folder, and the folders' with a slash behind them.

        Args:
            folder: As the next command would name it; None for the programs on its ``PATH``.
        """

    def fetch(self, path: str, *, max_bytes: int) -> bytes:
        """Take a regular file out as bytes.

        Raises:
            SubmissionError: There is no regular file, it is unreadable, or it is larger than
                ``max_bytes``.
        """

    def fetch_files(self, path: str, *, max_bytes: int) -> Files:
        """Take out a file, or all files below a folder except hidden ones.

        Raises:
            SubmissionError: There is nothing, something else, more than 1,000 files, or more than
                ``max_bytes`` bytes in them.
        """

    def snapshot(self) -> str:
        """Keep the workspace's files and the shell's state; returns the snapshot's name.

        Background processes are stopped in the meantime and are not part of the snapshot.

        Raises:
            SnapshotError: The workspace holds more than ``Limits.disk_mb``, or there is no room.
        """

    def restore(self, lease: Lease) -> None:
        """Continue from a snapshot. Allowed only before anything else.

        Raises:
            SnapshotError: The snapshot is damaged.
        """

    def close(self) -> None:
        """End every process and free everything. Idempotent; safe after a crash."""

    def discard(self) -> None:
        """Like :meth:`close`, but return at once and clean up in the background."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(self, *_: object) -> None:
        """Close."""


@dataclass(frozen=True)
class Shown:
    """What sandboxes show of Python's packages."""

    digest: str = ""
    """Changes whenever something else is shown; empty where nothing is hidden."""
    packages: tuple[tuple[str, str], ...] = ()
    """Names and versions of distributions."""


class Backend(Protocol):
    """Makes sandboxes of one kind."""

    name: str

    def check(self) -> None:
        """Check that this backend can run here.

        Raises:
            SandboxUnavailable: It can't; says what to install.
        """

    def create(self, config: SandboxConfig) -> Sandbox:
        """Start a sandbox."""

    def shown(self, config: SandboxConfig) -> Shown:
        """Report what such a sandbox would show."""

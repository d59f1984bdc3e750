"""What the host and a runner say to each other.

The host sends :class:`Configure` once, then one order at a time; each is answered by :class:`Done`.
While a script runs, the runner may send :class:`Call`: the script called one of the commands that
the host offers. The host answers with :class:`Reply`. Beside its header, each frame has a payload
of bytes, which is described with the kinds that use it.

What a runner says is hostile: the host looks at every field (``mle_gym/sandbox/exchange.py``).

These are types and nothing else. The runner imports them for type checkers alone: making that many
classes would take a twentieth of the time in which it starts. Only what is not zero, false or empty
need be in a :class:`Done`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

from .launcher_messages import ZygotePlan

# ------------------------------------------------------------------------------ the host's orders


class Configure(TypedDict):
    """Everything that the runner must know of its sandbox: the first order."""

    op: Literal["configure"]
    workspace: str
    run: str
    """The runner's own folder."""
    python: str
    commands: dict[str, str]
    """Name to the line of a shell that runs the runner's ``call`` for it. They are put on the
    ``PATH``."""
    bash: str
    environment: dict[str, str]
    """The first command's variables."""
    memory_mb: int
    processes: int
    output_bytes: int
    """Of a command's output that the agent sees."""
    output_file_bytes: int
    """Of it that is kept in a file."""
    own_network: bool
    affinity: Sequence[int]
    """Processors to stay on; none for all."""
    open_files: tuple[int, int] | None
    """Soft and hard limit of each program; None for the runner's."""
    zygote: ZygotePlan | None
    """How to start one inside, if it shall be."""
    most_handed_in: int
    """Bytes of what lies at the path of a :class:`Call`; of more, the caller is told."""


class Execute(TypedDict):
    """Run the payload, a shell script."""

    op: Literal["execute"]
    timeout: float


class Reply(TypedDict):
    """Answer the caller of a :class:`Call`; the payload is what it prints."""

    op: Literal["reply"]
    exit_code: int
    end: bool
    """Whether to end the command that called."""


class Interrupt(TypedDict):
    """End the running command; its :class:`Done` is the answer."""

    op: Literal["interrupt"]


class Expire(TypedDict):
    """End everything in so many seconds, for good; None takes it back."""

    op: Literal["expire"]
    seconds: float | None


class WriteFile(TypedDict):
    """Write the payload into a file."""

    op: Literal["write_file"]
    path: str


class EditFile(TypedDict):
    """Replace a text, the payload up to ``split``, by another, the rest of it."""

    op: Literal["edit_file"]
    path: str
    split: int


class ReadFile(TypedDict):
    """Show lines of a file."""

    op: Literal["read_file"]
    path: str
    start: int
    lines: int | None
    """How many; None for all."""


class ListFiles(TypedDict):
    """Show what is in a folder."""

    op: Literal["list_files"]
    path: str


class Fetch(TypedDict):
    """Hand a regular file over; the answer's payload is its content."""

    op: Literal["fetch"]
    path: str
    max_bytes: int


class FetchFiles(TypedDict):
    """Hand a file or a folder over."""

    op: Literal["fetch_files"]
    path: str
    max_bytes: int


class Scan(TypedDict):
    """Stop all processes and list the workspace; the answer's payload is a listing as JSON."""

    op: Literal["scan"]
    base: str
    """The last snapshot that the host has."""
    skip: Sequence[str]
    """Paths that are not the workspace's own."""


class Contents(TypedDict):
    """Hand over the next bytes of what was listed."""

    op: Literal["contents"]


class Resume(TypedDict):
    """Let all processes go on."""

    op: Literal["resume"]
    id: str
    """Of the snapshot that was made; empty if none was."""


class Restore(TypedDict):
    """Take over a snapshot's shell, the payload; ``present`` says whether its files are there."""

    op: Literal["restore"]
    id: str
    witness: str
    """A file of the snapshot, which is there if it could be mounted."""


class Unpack(TypedDict):
    """Make the files that the payload lists (``begin``), or put the payload's bytes into them."""

    op: Literal["unpack"]
    begin: bool


class Unpacked(TypedDict):
    """All bytes were sent."""

    op: Literal["unpacked"]
    id: str


Order = (
    Configure
    | Execute
    | Reply
    | Interrupt
    | Expire
    | WriteFile
    | EditFile
    | ReadFile
    | ListFiles
    | Fetch
    | FetchFiles
    | Scan
    | Contents
    | Resume
    | Restore
    | Unpack
    | Unpacked
)

# ------------------------------------------------------------------------------ the runner's words


class Done(TypedDict):
    """The answer to an order; the payload is what an agent sees of it, or what was asked for."""

    op: Literal["done"]
    exit_code: NotRequired[int]
    duration: NotRequired[float]
    cpu_seconds: NotRequired[float]
    peak_memory_mb: NotRequired[float]
    timed_out: NotRequired[bool]
    truncated_bytes: NotRequired[int]
    killed_by: NotRequired[str]
    """``timeout`` or ``memory``, where one of these limits ended it."""
    cold: NotRequired[str]
    """Why a program was told to start a cold interpreter, if one was."""
    folder: NotRequired[bool]
    """Whether a folder was handed over, packed, and not a file."""
    present: NotRequired[bool]
    pid: NotRequired[int]
    """The runner's."""


class Call(TypedDict):
    """A script called one of the commands; the payload is what lies at the path."""

    op: Literal["request"]
    tool: str
    """The command's name."""
    path: str
    folder: bool
    """Whether that is a folder, packed."""


class Left(TypedDict):
    """Who made the call that the host is answering waits no more."""

    op: Literal["left"]

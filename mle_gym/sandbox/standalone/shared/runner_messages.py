"""What the host and a runner say to each other.

The host sends :class:`Configure` once, then one order at a time; each is answered by :class:`Done`.
While a script runs, the runner may send :class:`Call`: the script called one of the commands that
the host offers. The host answers with :class:`Reply`. If the host wants to see the output as it
comes, the runner also sends :class:`Printed`, but not while it waits for a reply. Beside its
header, each frame has a payload of bytes, which is described with the kinds that use it.

What a runner says is hostile: the host looks at every field (``mle_gym/sandbox/exchange.py``).

These are types and nothing else. The runner imports them for type checkers only, because making so
many classes would add a twentieth to the time that it takes to start. A :class:`Done` may leave out
what is zero, false or empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

from .launcher_messages import ZygotePlan

# ------------------------------------------------------------------------------ the host's orders


class Configure(TypedDict):
    """The first order: everything that the runner must know about its sandbox."""

    op: Literal["configure"]
    workspace: str
    run: str
    """The runner's own folder."""
    python: str
    commands: dict[str, str]
    """Name to the line of a shell that runs the runner's ``call`` for it. They are put on the
    ``PATH``."""
    bash: str
    cells: str
    """The line of a shell that becomes the live interpreter."""
    environment: dict[str, str]
    """The first command's variables."""
    memory_mb: int
    processes: int
    output_bytes: int
    """How much of a command's output the agent sees."""
    output_file_bytes: int
    """How much of it is kept in a file."""
    own_network: bool
    own_groups: bool
    """Whether the runner's control groups are the sandbox's alone, and it can see them."""
    memory_folders: Sequence[str]
    """File systems in memory whose files nothing else counts as memory."""
    affinity: Sequence[int]
    """Numbers of the processors to stay on; empty for all."""
    open_files: tuple[int, int] | None
    """Soft and hard limit of each program; None for the runner's."""
    zygote: ZygotePlan | None
    """How to start a zygote inside; None where there is none inside."""
    most_handed_in: int
    """The most bytes that a :class:`Call` may hand over; a caller with more gets an error."""


class Execute(TypedDict):
    """Runs the payload, a shell script."""

    op: Literal["execute"]
    timeout: float
    live: bool
    """Whether to send :class:`Printed` while it runs."""


class Cell(TypedDict):
    """Runs the payload, a cell of Python, in the live interpreter."""

    op: Literal["cell"]
    timeout: float
    live: bool
    """Whether to send :class:`Printed` while it runs."""
    restart: bool
    """Whether to end the interpreter first. Without a payload, that is all."""


class Reply(TypedDict):
    """Answers the caller of a :class:`Call`; the payload is what it prints."""

    op: Literal["reply"]
    exit_code: int
    end: bool
    """Whether to end the command that called."""


class Interrupt(TypedDict):
    """Ends the running command; its :class:`Done` is the answer."""

    op: Literal["interrupt"]


class Expire(TypedDict):
    """Ends everything in so many seconds, for good; None cancels that."""

    op: Literal["expire"]
    seconds: float | None


class Restart(TypedDict):
    """Ends all processes, and forgets the shell's folder, variables and functions."""

    op: Literal["restart"]


class WriteFile(TypedDict):
    """Writes the payload into a file."""

    op: Literal["write_file"]
    path: str


class EditFile(TypedDict):
    """Replaces a text, the payload up to ``split``, by the rest of the payload."""

    op: Literal["edit_file"]
    path: str
    split: int


class InsertText(TypedDict):
    """Inserts the payload, whole lines, after a line of a file."""

    op: Literal["insert_text"]
    path: str
    line: int
    """Counted from 1; 0 for the beginning."""


class ReadFile(TypedDict):
    """Shows lines of a file."""

    op: Literal["read_file"]
    path: str
    start: int
    lines: int | None
    """How many; None for all."""


class View(TypedDict):
    """Shows lines of a file with their numbers, or what is in a folder."""

    op: Literal["view"]
    path: str
    start: int
    lines: int | None
    """How many; None for all."""


class ListFiles(TypedDict):
    """Shows what is in a folder."""

    op: Literal["list_files"]
    path: str


class Names(TypedDict):
    """Hands over the names in a folder, each with a NUL behind it, and folders' with a slash."""

    op: Literal["names"]
    path: str | None
    """Relative to where the shell is; None for the names of programs on the ``PATH``."""


class Fetch(TypedDict):
    """Hands a regular file over; the answer's payload is its content."""

    op: Literal["fetch"]
    path: str
    max_bytes: int


class FetchFiles(TypedDict):
    """Hands a file or a folder over."""

    op: Literal["fetch_files"]
    path: str
    max_bytes: int


class Scan(TypedDict):
    """Stops all processes and lists the workspace; the answer's payload is the listing."""

    op: Literal["scan"]
    base: str
    """The last snapshot that the host has."""
    skip: Sequence[str]
    """Paths that don't belong to the workspace: mounts."""


class Contents(TypedDict):
    """Hands over the next bytes of the files that were listed."""

    op: Literal["contents"]


class Resume(TypedDict):
    """Lets all processes go on."""

    op: Literal["resume"]
    id: str
    """The name of the snapshot that was made; empty if none was."""


class Restore(TypedDict):
    """Restores a snapshot's shell, the payload; ``present`` tells whether its files are there."""

    op: Literal["restore"]
    id: str
    witness: str
    """A file of the snapshot: it is there if the snapshot could be mounted."""


class Unpack(TypedDict):
    """Makes the files that the payload lists (``begin``), or writes its bytes into them."""

    op: Literal["unpack"]
    begin: bool


class Unpacked(TypedDict):
    """Says that all bytes were sent."""

    op: Literal["unpacked"]
    id: str


Order = (
    Configure
    | Execute
    | Cell
    | Reply
    | Interrupt
    | Expire
    | Restart
    | WriteFile
    | EditFile
    | InsertText
    | ReadFile
    | View
    | ListFiles
    | Names
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
    """Why a program had to start a cold interpreter, if one had to."""
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
    """The caller that the host is answering no longer waits."""

    op: Literal["left"]


class Printed(TypedDict):
    """The running command has written the payload.

    The payloads that are not ``newest`` are together a beginning of what its :class:`Done` brings.
    """

    op: Literal["printed"]
    newest: bool
    """Whether these are its last bytes so far, because the beginning is over."""

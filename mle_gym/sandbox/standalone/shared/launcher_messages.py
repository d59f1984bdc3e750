"""What the host asks the launcher, and what that answers: types, and nothing else.

Both sides import them for type checkers. One request is answered before the next is sent; both bear
the same ``serial``. A request of :class:`Start` comes with the runner's stream as a descriptor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict, final

# ------------------------------------------------------------------- the parts of a sandbox's start


class Entry(TypedDict):
    """Something of a folder that is put together: where it is, and one of the others."""

    target: str
    """Below the folder; where none is put together, a whole path."""
    source: NotRequired[str]
    """A path of the host's, to be mounted there."""
    link: NotRequired[str]
    """What a symbolic link there names."""
    mask: NotRequired[str]
    """Whether an earlier entry's ``file`` or ``folder`` is to be empty there."""


class Special(TypedDict, total=False):
    """An argument of bubblewrap's that the launcher makes; it has one of these."""

    source: str
    """A path of the host's, to be reached by another user."""
    text: str
    """What a descriptor is to hold."""
    bytes: str
    """The same in hexadecimal."""
    overlay: str
    """The point of the overlay of :class:`Overlay`."""
    tree: Sequence[Entry]
    """What is to be put together."""


Argument = str | Special


class GroupLimits(TypedDict):
    """What control groups enforce."""

    memory_bytes: int
    processes: int
    cpus: float


class Overlay(TypedDict):
    """A snapshot's layers with a sized tmpfs on top: the sandbox's workspace."""

    point: str
    """An empty folder."""
    layers: list[str]
    """Topmost first."""
    size: int
    """Bytes of the tmpfs without layers."""
    left: int
    """Bytes of the tmpfs with layers, which count against the same limit."""


class ZygotePlan(TypedDict):
    """How to start a zygote. Sandboxes with equal plans share one."""

    command: list[str]
    environment: dict[str, str]
    trees: NotRequired[dict[str, list[Entry]]]
    """What it sees elsewhere than the host does, by the place where it sees that."""


# ------------------------------------------------------------------------------------- the requests


class Status(TypedDict):
    """Say what this machine can enforce."""

    op: Literal["status"]


class Start(TypedDict):
    """Start a sandbox."""

    op: Literal["start"]
    arguments: Sequence[Argument]
    limits: GroupLimits
    plan: ZygotePlan | None
    overlay: Overlay | None


class Stop(TypedDict):
    """End a sandbox."""

    op: Literal["stop"]
    id: int


class Examine(TypedDict):
    """Say what can be seen of a sandbox from outside."""

    op: Literal["examine"]
    id: int


Question = Status | Start | Stop | Examine


# -------------------------------------------------------------------------------------- the answers


@final
class Abilities(TypedDict):
    """The answer to :class:`Status`."""

    controllers: list[str]
    """The control groups' controllers that enforce limits here."""
    root: bool
    trees: bool
    """Whether folders can be put together."""
    open_files: tuple[int, int]
    """Limits of the open files of each program in a sandbox."""


@final
class Started(TypedDict):
    """The answer to :class:`Start`."""

    id: int


@final
class Stopped(TypedDict):
    """The answer to :class:`Stop`: nothing."""


@final
class Seen(TypedDict, total=False):
    """The answer to :class:`Examine`; empty where the sandbox is not known."""

    running: bool
    note: str
    """What the programs that start a sandbox wrote, for people."""
    killed: bool
    """Whether a signal ended it that nobody inside can send."""
    stopped: bool
    own_memory: bool
    """Whether its own limit of memory has ended a process of it."""
    host_memory: bool
    """Whether the host's memory ran out meanwhile."""


@final
class Failed(TypedDict):
    """The answer to any request that the kernel refused."""

    error: str


Answer = Abilities | Started | Stopped | Seen | Failed
"""Together with the request's ``serial``."""

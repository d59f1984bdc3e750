"""The host's requests to the launcher, and the answers: types, and nothing else.

Both sides import them for type checkers. Each request is answered before the next one is sent, and
the answer carries the same ``serial``. :class:`Start` comes with the runner's stream as a
descriptor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict, final

# ------------------------------------------------------------------- the parts of a sandbox's start


class Entry(TypedDict):
    """One thing in a folder that is put together: its place, and one of the other keys."""

    target: str
    """A path below the folder; an absolute path where no folder is put together."""
    source: NotRequired[str]
    """A path on the host, to be mounted there."""
    link: NotRequired[str]
    """The target of a symbolic link that is made there."""
    text: NotRequired[str]
    """The content of a file that is made there."""
    mask: NotRequired[str]
    """``file`` or ``folder``: what an earlier entry shows there is hidden by an empty one."""


class Special(TypedDict, total=False):
    """An argument of bubblewrap that the launcher makes; it has one of these keys."""

    source: str
    """A path on the host that another user must be able to reach."""
    text: str
    """The content of a file that is passed as a descriptor."""
    bytes: str
    """The same in hexadecimal."""
    overlay: str
    """The ``point`` of the :class:`Overlay`."""
    tree: Sequence[Entry]
    """The entries of a folder that is put together."""
    late: int
    """The number of a folder that :class:`Claim` shows there, counted from 0."""


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
    """Place to the entries of the folder that it sees there instead of the host's."""


# ------------------------------------------------------------------------------------- the requests


class Status(TypedDict):
    """Asks what this machine can enforce."""

    op: Literal["status"]


class Start(TypedDict):
    """Starts a sandbox."""

    op: Literal["start"]
    arguments: Sequence[Argument]
    limits: GroupLimits
    plan: ZygotePlan | None
    overlay: Overlay | None
    idle_seconds: NotRequired[float]
    """When to end it unless it has been claimed by then: it was started ahead."""


class Claim(TypedDict):
    """Takes a sandbox that was started ahead."""

    op: Literal["claim"]
    id: int
    sources: Sequence[str]
    """The folders of the host that appear in it, by their numbers."""


class Stop(TypedDict):
    """Ends a sandbox."""

    op: Literal["stop"]
    id: int


class Examine(TypedDict):
    """Asks what can be seen of a sandbox from outside."""

    op: Literal["examine"]
    id: int


Question = Status | Start | Claim | Stop | Examine


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
class Claimed(TypedDict):
    """The answer to :class:`Claim`: nothing."""


@final
class Seen(TypedDict, total=False):
    """The answer to :class:`Examine`; empty where the sandbox is not known."""

    running: bool
    note: str
    """What the programs that start a sandbox wrote, for messages."""
    killed: bool
    """Whether a signal ended it that nobody inside can send."""
    stopped: bool
    own_memory: bool
    """Whether its own memory limit has ended one of its processes."""
    host_memory: bool
    """Whether the host has run out of memory since it started."""


@final
class Failed(TypedDict):
    """The answer to any request that the kernel refused."""

    error: str


Answer = Abilities | Started | Claimed | Stopped | Seen | Failed
"""Together with the request's ``serial``."""

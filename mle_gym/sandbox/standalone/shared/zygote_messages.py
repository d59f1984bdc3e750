"""What a zygote is told: types, and nothing else. Both sides import them for type checkers alone.

The launcher tells it, or the runner where the zygote is inside of the sandbox. :class:`Serve` comes
with three descriptors: the socket on which shims call, the folder of the sandbox's namespaces, and
a socket on which to report what programs used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict, final


@final
class Serve(TypedDict):
    """Serve one more sandbox."""

    id: int
    """By which it will be forgotten."""
    uid: int
    """The host's user that it belongs to."""
    groups: Sequence[str]
    """Its control groups' folders."""
    processes: int
    """Limit of processes of its user."""
    limits: NotRequired[Sequence[tuple[int, int, int]]]
    """Numbers of resources, with the soft and the hard limits of its programs."""
    inside: NotRequired[bool]
    """Whether the zygote is in it already."""


@final
class Forget(TypedDict):
    """A sandbox has ended."""

    forget: int


Order = Serve | Forget

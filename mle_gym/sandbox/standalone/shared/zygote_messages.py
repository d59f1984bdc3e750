"""Orders to a zygote: types, and nothing else. Both sides import them for type checkers only.

They come from the launcher, or from the runner where the zygote is inside the sandbox.
:class:`Serve` comes with three descriptors: the socket on which shims call, the folder of the
sandbox's namespaces, and a socket on which to report what programs used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict, final


@final
class Serve(TypedDict):
    """Serves one more sandbox."""

    id: int
    """What :class:`Forget` will call it."""
    uid: int
    """The user on the host to whom it belongs."""
    groups: Sequence[str]
    """The folders of its control groups."""
    processes: int
    """How many processes its user may have."""
    limits: NotRequired[Sequence[tuple[int, int, int]]]
    """Numbers of resources, each with the soft and the hard limit of its programs."""
    inside: NotRequired[bool]
    """Whether the zygote runs inside it."""


@final
class Forget(TypedDict):
    """Says that a sandbox has ended."""

    forget: int


Order = Serve | Forget

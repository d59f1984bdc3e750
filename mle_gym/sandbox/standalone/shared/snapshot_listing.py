"""What is said of a workspace when a snapshot is taken or put back: types, and nothing else.

A listing is JSON. Its rows have parents before their children. What a sandbox lists is hostile:
the host looks at every field (``mle_gym/sandbox/snapshots/listing.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

Kind = Literal["d", "l", "f"]
"""A folder (directory), a symbolic link or a regular file."""
Extents = Sequence[tuple[int, int]]
"""Offset and length of each part of a file that is not a hole."""
Detail = None | str | int | tuple[int, Extents]
"""Nothing for a folder and the target for a link. For a file, the size and the extents of content
that is sent, or a number: the content is that of the mounted snapshot's file with this inode."""
Row = tuple[str, Kind, int, int, Detail]
"""Path, kind, mode, time of the last change in nanoseconds since the epoch, and detail."""


class ShellState(TypedDict):
    """What of a shell carries over to another sandbox."""

    environment: str
    """What ``declare`` prints, with placeholders for folders that differ between sandboxes."""
    untouched: list[str]
    """Variables that still have the value with which every sandbox starts."""
    directory: str
    has_cells: NotRequired[bool]
    """Whether there was a live interpreter, whose variables don't carry over."""


class ScannedWorkspace(TypedDict):
    """The answer to a scan."""

    files: Sequence[Row]
    """Where the last snapshot is known, only what may differ from it."""
    gone: Sequence[str]
    """Paths of the last snapshot that are no longer there."""
    complete: bool
    """Whether ``files`` are all files, compared with no snapshot."""
    special: int
    """How many sockets, devices and FIFOs there are, which no snapshot can hold."""
    shell: ShellState


class RestoredShell(TypedDict):
    """What a sandbox takes over from a snapshot beside the files."""

    state: ShellState
    modes: Sequence[tuple[str, int]]
    """Paths and modes of files that could not have these modes on the host."""

"""Files taken out of a sandbox together: the names and contents of a folder as one value."""

from __future__ import annotations

import json
import posixpath
import struct
from collections.abc import Mapping

__all__ = ["Files", "pack_files", "unpack_files"]

Files = Mapping[str, bytes]
"""Relative path, with slashes, to content."""

_LENGTH = struct.Struct(">I")


def pack_files(files: Files) -> bytes:
    """Files as the runner sends them: the length of a JSON list of names and sizes, it, they."""
    index = json.dumps([[name, len(content)] for name, content in files.items()]).encode()
    return _LENGTH.pack(len(index)) + index + b"".join(files.values())


def unpack_files(content: bytes) -> dict[str, bytes]:
    """The files that were packed. The content is hostile.

    Raises:
        ValueError: it is something else, or a name leads out of the folder.
    """
    if len(content) < _LENGTH.size:
        raise ValueError("expected packed files, found too few bytes")
    place = _LENGTH.size + _LENGTH.unpack_from(content)[0]
    try:
        index = json.loads(content[_LENGTH.size : place])
        sizes = [(_checked_name(name), _checked_size(size)) for name, size in index]
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"expected a list of names and sizes: {error}") from None
    if len(dict(sizes)) < len(sizes) or place + sum(size for _, size in sizes) != len(content):
        raise ValueError("expected the sizes of the files to be those of the content")
    files = {}
    for name, size in sizes:
        files[name] = content[place : place + size]
        place += size
    return files


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name or name.startswith("/") or "\0" in name:
        raise ValueError(f"no relative path: {name!r}")
    if posixpath.normpath(name) != name or name.split("/")[0] == "..":
        raise ValueError(f"a path that may lead out: {name!r}")
    name.encode()
    return name


def _checked_size(size: object) -> int:
    if type(size) is not int or size < 0:
        raise ValueError(f"no size: {size!r}")
    return size

"""Files that leave a sandbox together: a folder's names and contents as one run of bytes.

First comes the length of a list, as four big-endian bytes, then the list, a JSON array of
``[name, size]``, then the contents in the list's order.
"""

from __future__ import annotations

import posixpath

from .light_imports import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["pack_files", "unpack_files"]

_LENGTH = 4


def pack_files(files: Mapping[str, bytes]) -> bytes:
    """Pack files.

    Args:
        files: Relative path, with slashes, to content.
    """
    index = dumps([[name, len(content)] for name, content in files.items()]).encode()
    return len(index).to_bytes(_LENGTH, "big") + index + b"".join(files.values())


def unpack_files(content: bytes) -> dict[str, bytes]:
    """Unpack what :func:`pack_files` packed. The content is hostile.

    Raises:
        ValueError: It is something else, or a name leads out of the folder.
    """
    if len(content) < _LENGTH:
        raise ValueError("expected packed files, found too few bytes")
    place = _LENGTH + int.from_bytes(content[:_LENGTH], "big")
    try:
        index = loads(content[_LENGTH:place])
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

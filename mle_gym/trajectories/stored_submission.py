"""Packs a submission into a record, and unpacks it with a cap on its size."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from typing import Any

__all__ = ["pack_submission", "unpack_submission"]


MAX_STORED_BYTES = 16 * 2**20
"""A submission whose compressed form is larger than this is not kept in its trajectory."""


def pack_submission(content: bytes) -> dict[str, Any]:
    """A submission as JSON: ``bytes`` (its size), ``sha256``, and ``zlib`` (base64 of the content).

    ``zlib`` is None when that would be larger than :data:`MAX_STORED_BYTES`.
    """
    packed = zlib.compress(content)
    return {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "zlib": base64.b64encode(packed).decode() if len(packed) <= MAX_STORED_BYTES else None,
    }


def unpack_submission(packed: Mapping[str, Any], most: int) -> bytes:
    """The content that :func:`pack_submission` packed.

    Args:
        packed: From a record, which anybody may have written.
        most: How many bytes the content may have. A few kilobytes can unpack to gigabytes.

    Raises:
        ValueError: The content is not the one recorded, or is too large. The message says what was
            expected and what was found.
    """
    size = packed["bytes"]
    if size > most:
        raise ValueError(f"bytes: expected at most {most:,}, found {size:,}")
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(base64.b64decode(packed["zlib"], validate=True), size + 1)
    except zlib.error as error:
        raise ValueError(f"zlib: can't be decompressed: {error}") from None
    if len(content) != size or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"bytes: expected {size} as recorded, found other content")
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != packed["sha256"]:
        raise ValueError(f"sha256: expected {sha256} of the content, found {packed['sha256']}")
    return content

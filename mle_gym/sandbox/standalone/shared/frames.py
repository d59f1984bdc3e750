"""A frame: two big-endian 32-bit lengths, then a JSON header and a payload of these lengths."""

from __future__ import annotations

import os

from .light_imports import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Header = dict[str, Any]

LENGTH = 4
MAX_HEADER = 1 << 20
MAX_PAYLOAD = 1 << 28


def send_frame(descriptor: int, header: Mapping[str, object], payload: bytes = b"") -> None:
    """Write a whole frame."""
    text = dumps(header).encode()
    lengths = len(text).to_bytes(LENGTH, "big") + len(payload).to_bytes(LENGTH, "big")
    data = memoryview(lengths + text + payload)
    while data:
        data = data[os.write(descriptor, data) :]


def receive_frame(descriptor: int) -> tuple[Any, bytes] | None:
    """Read a frame: header and payload. None if the host is gone or sends nonsense."""
    prefix = _receive_exactly(descriptor, 2 * LENGTH)
    if prefix is None:
        return None
    header_size = int.from_bytes(prefix[:LENGTH], "big")
    payload_size = int.from_bytes(prefix[LENGTH:], "big")
    if header_size > MAX_HEADER or payload_size > MAX_PAYLOAD:
        return None
    header = _receive_exactly(descriptor, header_size)
    payload = _receive_exactly(descriptor, payload_size)
    if header is None or payload is None:
        return None
    try:
        fields = loads(header)
    except (ValueError, RecursionError):
        return None
    return (fields, payload) if isinstance(fields, dict) else None


def _receive_exactly(descriptor: int, size: int) -> bytes | None:
    parts = []
    while size:
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)

"""A frame: two big-endian 32-bit lengths, then a JSON header and a payload of these lengths."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

LENGTHS = struct.Struct(">II")
MAX_HEADER = 1 << 20
MAX_PAYLOAD = 1 << 28

Header = dict[str, Any]


def send_frame(descriptor: int, header: Header, payload: bytes = b"") -> None:
    """Write one frame whole."""
    text = json.dumps(header).encode()
    data = memoryview(LENGTHS.pack(len(text), len(payload)) + text + payload)
    while data:
        data = data[os.write(descriptor, data) :]


def receive_frame(descriptor: int) -> tuple[Header, bytes] | None:
    """Read one frame; None when the host is gone, or out of its mind."""
    prefix = _receive_exactly(descriptor, LENGTHS.size)
    if prefix is None:
        return None
    header_size, payload_size = LENGTHS.unpack(prefix)
    if header_size > MAX_HEADER or payload_size > MAX_PAYLOAD:
        return None
    header = _receive_exactly(descriptor, header_size)
    payload = _receive_exactly(descriptor, payload_size)
    if header is None or payload is None:
        return None
    try:
        fields = json.loads(header)
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

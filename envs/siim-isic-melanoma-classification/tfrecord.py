"""TFRecord files of ``tf.train.Example`` messages, read and written without TensorFlow.

A file is a sequence of records: length (8 bytes), masked CRC-32C of the length, content, masked
CRC-32C of the content; numbers are little-endian (tensorflow.org/tutorials/load_data/tfrecord). The
content is a Protocol Buffers message, a map from the names of features to lists of values.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mle_gym.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Features", "crc32c", "example", "features", "read_records", "texts", "write_records"]

Features = Mapping[str, bytes]
"""Name to the encoded list of values, which :func:`texts` decodes where it holds bytes."""

POLYNOMIAL = 0x82F63B78
LANE = 512
"""Bytes of a stretch; stretches are summed up side by side."""
LENGTH_DELIMITED = 2
"""The wire type of texts, bytes and messages."""


def read_records(path: Path) -> Iterator[bytes]:
    """The contents of the records, one at a time.

    Raises:
        DatasetError: Not such a file, or a damaged one.
    """
    with path.open("rb") as file:
        while head := file.read(12):
            if len(head) < 12 or _masked(head[:8]) != struct.unpack("<I", head[8:])[0]:
                raise DatasetError(f"{path}: damaged, or no TFRecord file")
            size = struct.unpack("<Q", head[:8])[0]
            content, check = file.read(size), file.read(4)
            if len(content) < size or len(check) < 4:
                raise DatasetError(f"{path}: cut off within a record")
            yield content


def write_records(path: Path, contents: Iterable[bytes]) -> None:
    """Write a file of records with these contents."""
    with path.open("wb") as file:
        for content in contents:
            size = struct.pack("<Q", len(content))
            file.write(size + struct.pack("<I", _masked(size)) + content)
            file.write(struct.pack("<I", _masked(content)))


def features(content: bytes) -> dict[str, bytes]:
    """The features of an example, by name, in the order of the record."""
    found = {}
    for outer in _fields(content, 1):
        for entry in _fields(outer, 1):
            (name,), (value,) = _fields(entry, 1), _fields(entry, 2)
            found[bytes(name).decode()] = bytes(value)
    return found


def texts(feature: bytes) -> list[bytes]:
    """The values of a feature that is a list of bytes."""
    return [bytes(value) for values in _fields(feature, 1) for value in _fields(values, 1)]


def example(named: Features) -> bytes:
    """The message with these features."""
    entries = (_field(1, name.encode()) + _field(2, value) for name, value in named.items())
    return _field(1, b"".join(_field(1, entry) for entry in entries))


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) of at least four bytes.

    The checksum is linear, so stretches of the data are summed up at once, as lanes of an array,
    and then put together: hundreds of times faster than byte by byte in Python.
    """
    flipped = bytes(byte ^ 0xFF for byte in data[:4]) + data[4:]  # stands for the start value
    lanes = -(-len(flipped) // LANE)
    padded = flipped.rjust(lanes * LANE, b"\0")  # zeros in front change nothing
    matrix = np.frombuffer(padded, dtype=np.uint8).reshape(lanes, LANE)
    table = _table()
    states = np.zeros(lanes, dtype=np.uint32)
    for column in np.ascontiguousarray(matrix.T):
        states = table[(states ^ column) & 0xFF] ^ (states >> np.uint32(8))
    shift, total = _lane_shift(), 0
    for state in states.tolist():
        for at in range(4):
            state ^= shift[at][total >> 8 * at & 0xFF]
        total = state
    return total ^ 0xFFFFFFFF


def _masked(data: bytes) -> int:
    value = crc32c(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


@lru_cache(maxsize=1)
def _table() -> NDArray[np.uint32]:
    """What a byte adds to the checksum."""
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, values >> np.uint32(1) ^ np.uint32(POLYNOMIAL), values >> 1)
    return values.astype(np.uint32)


@lru_cache(maxsize=1)
def _lane_shift() -> list[list[int]]:
    """For each byte of a state and each of its values: the state after a lane of zeros."""
    table = _table()
    tables = []
    for at in range(4):
        states = np.arange(256, dtype=np.uint32) << np.uint32(8 * at)
        for _ in range(LANE):
            states = table[states & 0xFF] ^ (states >> np.uint32(8))
        tables.append([int(state) for state in states])
    return tables


def _fields(message: bytes | memoryview, wanted: int) -> list[memoryview]:
    """The length-delimited fields of a message with one number; it may have no others."""
    view, at, found = memoryview(message), 0, []
    while at < len(view):
        tag, at = _varint(view, at)
        if tag & 7 != LENGTH_DELIMITED:
            raise DatasetError(f"expected an example of TensorFlow, found wire type {tag & 7}")
        size, at = _varint(view, at)
        if tag >> 3 == wanted:
            found.append(view[at : at + size])
        at += size
    return found


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(view):
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise DatasetError("expected an example of TensorFlow, found a message that is cut off")


def _field(number: int, content: bytes) -> bytes:
    head, size = bytearray([number << 3 | LENGTH_DELIMITED]), len(content)
    while size >= 0x80:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + content

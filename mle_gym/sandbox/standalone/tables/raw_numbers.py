"""Arrays of numbers in files whose format isn't known, or must not be loaded: by their bytes.

A pickle runs code when it is loaded, and formats of other programs take libraries. But in most of
these files arrays lie as memory held them, so the bytes are read as numbers of each kind, from each
start. Bytes that aren't such numbers hardly ever give many plausible ones in a row.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickletools
import zlib
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

PICKLES = (".pkl", ".pickle", ".p", ".joblib", ".dill", ".cpickle")
BY_COLUMN = (".mat", ".sav", ".nc", ".cdf")
"""Formats whose arrays lie column after column, or that hold one for each column."""
UNREAD = (
    ".h5",
    ".hdf5",
    ".hdf",
    ".he5",
    ".dta",
    ".sas7bdat",
    ".xpt",
    ".por",
    ".xls",
    ".xlsb",
    ".orc",
)
"""Formats that pack their arrays, or mix the numbers of a row with texts."""
SUFFIXES = (*PICKLES, *BY_COLUMN, *UNREAD)
HDF5 = b"\x89HDF"
LEAST, MOST = 40, 4000
"""Numbers that lie together: fewer are no table, and of more the first tell what they are."""
MOST_TOGETHER, MOST_COLUMNS = 20_000, 1_000_000
"""Of all arrays in some bytes, where their rows are looked for, and where they aren't."""
KINDS = {"f8": (1e-6, 1e9), "f4": (1e-6, 1e9), "i8": (0, 1e7), "i4": (0, 1e6)}
"""Kind of number to what plausible ones are, beside zero."""
SHORT_KINDS = ("u1", "<i2", ">i2")
MOST_SHORT = 200_000
"""Bytes of a file that is read as these too: almost all bytes are plausible ones. Rows of such
small numbers are like those of any table; columns, such as that of the answers, can tell."""


class TooMany(Exception):
    """The rest of a file isn't looked at."""


def arrays(data: bytes, most: int) -> Iterator[tuple[list[float], bool]]:
    """What may be arrays in these bytes, and whether their rows can tell.

    Raises:
        TooMany: There are more numbers than can be looked at, or NumPy isn't there.
    """
    if numpy is None:
        raise TooMany
    left = most
    for numbers, wide in _readings(data):
        for first, end in _stretches(numbers):
            found = numbers[first : min(end, first + MOST)].tolist()
            left -= len(found) if wide else 0
            if left < 0:
                raise TooMany
            yield found, wide


def _readings(data: bytes) -> Iterator[Any]:
    """The bytes as numbers of each kind, from each start; what isn't plausible is NaN."""
    for kind, (least, most) in KINDS.items():
        for order, start in product("<>", range(int(kind[1]))):
            count = (len(data) - start) // int(kind[1])
            with numpy.errstate(all="ignore"):
                numbers = numpy.frombuffer(data, order + kind, count, start).astype("f8")
                size = numpy.abs(numbers)
                numbers[~((size == 0) | ((size >= least) & (size < most)))] = numpy.nan
            yield numbers, True
    for kind in SHORT_KINDS if len(data) <= MOST_SHORT else ():
        for start in range(int(kind[-1])):
            count = (len(data) - start) // int(kind[-1])
            yield numpy.frombuffer(data, kind, count, start).astype("f8"), False


def _stretches(numbers: Any) -> Iterator[tuple[int, int]]:
    """Where plausible numbers follow each other, and aren't all the same."""
    plausible = (numbers == numbers).astype("i1")
    edges = numpy.flatnonzero(numpy.diff(plausible, prepend=0, append=0)).tolist()
    for first, end in zip(edges[::2], edges[1::2]):
        if end - first >= LEAST and (numbers[first:end] != numbers[first]).any():
            yield first, end


_ROW_ENDS = frozenset(
    ("MARK", "TUPLE", "TUPLE2", "TUPLE3", "LIST", "DICT", "APPENDS", "SETITEMS", "EMPTY_LIST")
)
"""Opcodes between rows."""


def literals(data: bytes) -> Iterator[list[Any]]:
    """The numbers and texts that a pickle holds one by one: read from it, which runs nothing."""
    row: list[Any] = []
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if isinstance(argument, (int, float, str)) and opcode.name[-3:] not in ("GET", "PUT"):
                row.append(argument)
            elif opcode.name in _ROW_ENDS and row:
                yield row
                row = []
    except Exception:  # arrays lie between its parts, as joblib writes them, or it is damaged
        pass
    if row:
        yield row


_UNPACK: dict[bytes, Callable[[bytes, int], bytes]] = {
    b"\x1f\x8b": lambda data, most: gzip.GzipFile(fileobj=io.BytesIO(data)).read(most),
    b"BZh": lambda data, most: bz2.BZ2File(io.BytesIO(data)).read(most),
    b"\xfd7zXZ": lambda data, most: lzma.LZMAFile(io.BytesIO(data)).read(most),
    b"]\x00\x00": lambda data, most: lzma.LZMAFile(io.BytesIO(data)).read(most),
    **{
        bytes([0x78, level]): lambda data, most: zlib.decompressobj().decompress(data, most)
        for level in (0x01, 0x5E, 0x9C, 0xDA)
    },
}
_PACKED_OTHERWISE = (b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"ZF")
"""Zstandard, LZ4, and what old versions of joblib wrote."""


def unpacked(data: bytes, most: int) -> bytes | None:
    """The bytes, unpacked if they are packed; None where that can't be done here."""
    if data.startswith(_PACKED_OTHERWISE):
        return None
    for magic, unpack in _UNPACK.items():
        if data.startswith(magic):
            return unpack(data, most)
    return data


def parts_of_mat(data: bytes, most: int) -> Iterator[bytes]:
    """The variables of a MATLAB file of version 5, which packs each."""
    order = "little" if data[126:128] == b"IM" else "big"
    at = 128
    while at + 8 <= len(data):
        kind = int.from_bytes(data[at : at + 4], order)  # type: ignore[arg-type]
        size = int.from_bytes(data[at + 4 : at + 8], order)  # type: ignore[arg-type]
        body = data[at + 8 : at + 8 + size]
        yield zlib.decompressobj().decompress(body, most) if kind == 15 else body
        at += 8 + size

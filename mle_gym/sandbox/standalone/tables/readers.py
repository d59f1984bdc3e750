"""What files hold, whatever their format: texts, and values as they stand together."""

from __future__ import annotations

import array
import ast
import bz2
import contextlib
import gzip
import io
import json
import lzma
import re
import struct
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from raw_numbers import (  # type: ignore
    HDF5,
    MOST_COLUMNS,
    MOST_TOGETHER,
    PICKLES,
    SUFFIXES,
    UNREAD,
    TooMany,
    arrays,
    literals,
    parts_of_mat,
    unpacked,
)

with contextlib.suppress(ImportError):  # not every Python was built with it
    import sqlite3

MOST_BYTES = 8 << 20
"""Of one file, unpacked; the rest is not read."""
MOST_NUMBERS = 500_000
"""Of one array: the tables of tasks are smaller."""
_MOST_MEMBERS = 2000

Content = tuple[str, Any]
"""``"text"`` and a string, ``"values"`` and what JSON can hold, ``"array"`` with numbers and
whether they may be rows of some width, or ``"unread"`` and nothing: there is more."""

PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.GzipFile(fileobj=io.BytesIO(data)).read(MOST_BYTES),
    ".gzip": lambda data: gzip.GzipFile(fileobj=io.BytesIO(data)).read(MOST_BYTES),
    ".bz2": lambda data: bz2.BZ2File(io.BytesIO(data)).read(MOST_BYTES),
    ".xz": lambda data: lzma.LZMAFile(io.BytesIO(data)).read(MOST_BYTES),
    ".lzma": lambda data: lzma.LZMAFile(io.BytesIO(data)).read(MOST_BYTES),
    ".z": lambda data: zlib.decompressobj().decompress(data, MOST_BYTES),
}
ARCHIVES = (".zip", ".egg", ".whl", ".npz", ".xlsx", ".ods", ".tar", ".tgz")
COLUMNAR = (".parquet", ".feather", ".arrow", ".ipc")
DATABASES = (".sqlite", ".sqlite3", ".db", ".db3")
"""SQLite's."""
BINARY = (".npy", *COLUMNAR, *DATABASES)
OF_R = (".rdb", ".rda", ".rdata", ".rds")
"""What R saves: a database of objects, or some objects."""
PLAIN = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat", ".arff", ".json", ".jsonl", ".ndjson")
KNOWN = frozenset((*PACKED, *ARCHIVES, *BINARY, *OF_R, *PLAIN, *SUFFIXES, ".py"))
FIRST_BYTES = {
    b"\x1f\x8b": ".gz",
    b"BZh": ".bz2",
    b"\xfd7zXZ\x00": ".xz",
    b"PK\x03\x04": ".zip",
    b"PAR1": ".parquet",
    b"SQLite format 3\x00": ".sqlite",
    b"\x93NUMPY": ".npy",
    HDF5: ".h5",
    **{bytes([0x80, protocol]): ".pkl" for protocol in range(2, 6)},
}
"""What files begin with, to a suffix that says the same."""
_MISSING_IN_R = -(2**31)
"""Of integers; missing reals are NaN."""


def kind_of(name: str, data: bytes) -> str:
    """The suffix that says what a file is: its own, or that of what it begins with.

    Somebody calls a packed pickle ``flights.pkl.compress``, or nothing but ``flights``.
    """
    suffix = "." + name.rpartition(".")[2]
    if suffix in KNOWN:
        return suffix
    return next((kind for first, kind in FIRST_BYTES.items() if data.startswith(first)), suffix)


def read(name: str, data: bytes) -> Iterator[Content]:
    """What a file holds.

    Args:
        name: Its name, in lower case.
        data: Its bytes.

    Raises:
        Exception: It is not what its name says; what was found before is fine.
    """
    suffix = kind_of(name, data)
    if suffix in PACKED:
        inner = name.rpartition(".")[0]
        yield from _whole(inner if "." in inner else f"{inner}.txt", PACKED[suffix](data))
    elif suffix in ARCHIVES:
        for member, content in _members(suffix, data):
            yield from _whole(member, content)
    elif suffix in SUFFIXES:
        yield from _opaque(suffix, data)
    elif suffix in BINARY:
        yield from _binary(suffix, data)
    elif suffix in OF_R:
        for saved in _saved_by_r(data):
            yield from _vectors_of_r(saved)
    elif suffix == ".py":
        yield from _literals(ast.parse(data))
    else:
        yield from _text(suffix, data.decode("utf-8", "replace"))


def _whole(name: str, data: bytes) -> Iterator[Content]:
    """What was packed, and whether that is all of it."""
    if len(data) >= MOST_BYTES:
        yield "unread", None
    yield from read(name, data)


def _opaque(suffix: str, data: bytes) -> Iterator[Content]:
    """A file of which no more is known than that numbers lie in it."""
    content = unpacked(data, MOST_BYTES)
    if suffix in UNREAD or content is None or content.startswith(HDF5):
        yield "unread", None
        return
    if len(content) >= MOST_BYTES:
        yield "unread", None
    has_rows = suffix in PICKLES
    try:
        for part in parts_of_mat(content, MOST_BYTES) if suffix == ".mat" else (content,):
            for numbers, wide in arrays(part, MOST_TOGETHER if has_rows else MOST_COLUMNS):
                yield "array", (numbers, wide and has_rows)
    except TooMany:
        yield "unread", None
    if suffix in (*PICKLES, ".npy"):
        for row in literals(content):
            yield "array", ([value for value in row if not isinstance(value, str)], True)
            yield "values", row
    if suffix in PICKLES and not content.startswith(b"\x80"):
        yield "text", content.decode("latin-1")


def _members(suffix: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if suffix in (".tar", ".tgz"):
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for count, entry in enumerate(tar):
                file = tar.extractfile(entry) if entry.isfile() else None
                if file and count < _MOST_MEMBERS:
                    yield entry.name.lower(), file.read(MOST_BYTES)
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist()[:_MOST_MEMBERS]:
            if not member.is_dir() and not member.filename.endswith((".pyc", ".so")):
                with archive.open(member) as file:
                    yield member.filename.lower(), file.read(MOST_BYTES)


def _text(suffix: str, text: str) -> Iterator[Content]:
    if suffix in (".json", ".geojson", ".ipynb"):
        try:
            yield "values", json.loads(text)
            return
        except ValueError:  # a line each, or no JSON
            pass
    if suffix in (".xml", ".html", ".htm"):
        text = re.sub(r"</(?:row|tr)[^>]*>", "\n", re.sub(r"<(?!/row|/tr)[^>]*>", " ", text))
    if len(re.findall(r"\d,\d+;", text)) > text.count("\n") // 2 > 0:
        text = text.replace(",", ".")  # decimal commas
    yield "text", text


def _literals(tree: ast.AST) -> Iterator[Content]:
    """The literals of a Python module: the outermost ones, as they stand."""
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield "text", node.value
        if isinstance(node, (ast.List, ast.Tuple, ast.Dict, ast.Set)):
            try:
                yield "values", ast.literal_eval(node)
                continue
            except (ValueError, TypeError):
                pass
        nodes += ast.iter_child_nodes(node)


def _binary(suffix: str, data: bytes) -> Iterator[Content]:
    if suffix in COLUMNAR:
        try:
            yield "values", _columns(suffix, data)
        except Exception:  # without pyarrow, or with another version of it, an agent's may do
            yield "unread", None
        return
    if suffix in DATABASES:
        yield from _tables(data)
        return
    yield from _array(data)


def _columns(suffix: str, data: bytes) -> Any:
    """With pyarrow, if it is there: whoever reads such a file needs it too."""
    from columnar import columns  # type: ignore[import-not-found]

    return columns(suffix, data)


def _tables(data: bytes) -> Iterator[Content]:
    """A database as its tables, by column. Not every Python reads one that is no file."""
    with tempfile.NamedTemporaryFile(suffix=".db") as file:
        file.write(data)
        file.flush()
        database = sqlite3.connect(f"file:{file.name}?mode=ro&immutable=1", uri=True)
        try:
            names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (name,) in names.fetchmany(_MOST_MEMBERS):
                quoted = name.replace('"', '""')
                rows = database.execute(f'SELECT * FROM "{quoted}"').fetchmany(MOST_NUMBERS // 10)
                yield "values", [list(column) for column in zip(*map(_readable, rows))]
        finally:
            database.close()


def _readable(row: tuple[Any, ...]) -> list[Any]:
    """Without what is missing, and without bytes."""
    return [value if isinstance(value, (int, float, str)) else "" for value in row]


def _array(data: bytes) -> Iterator[Content]:
    """NumPy's format, read by hand: its rows."""
    size, at = (struct.unpack("<H", data[8:10])[0], 10) if data[6] == 1 else (
        struct.unpack("<I", data[8:12])[0], 12,
    )  # fmt: skip
    header = ast.literal_eval(data[at : at + size].decode("latin-1"))
    kinds = {"f8": "d", "f4": "f", "i8": "q", "i4": "i", "i2": "h", "i1": "b"}
    kinds |= {"u8": "Q", "u4": "I", "u2": "H", "u1": "B", "b1": "B"}
    code = kinds.get(str(header["descr"])[1:])
    if code is None:  # objects, which are pickled, or rows of several kinds
        yield from _opaque(".npy", data[at + size :])
        return
    width = array.array(code).itemsize
    body = data[at + size :]
    numbers = array.array(code, body[: len(body) // width * width])
    if header["descr"][0] == (">" if sys.byteorder == "little" else "<"):
        numbers.byteswap()
    if len(numbers) > MOST_NUMBERS:
        return
    shape = header["shape"]
    width = shape[-1] if len(shape) > 1 else 1
    if header["fortran_order"] and len(shape) == 2:
        yield "values", [list(numbers[n :: shape[0]]) for n in range(shape[0])]
    elif width > 1:
        yield "values", [list(numbers[n : n + width]) for n in range(0, len(numbers), width)]
    else:
        yield "values", list(numbers)


def _saved_by_r(data: bytes) -> Iterator[bytes]:
    """What R packed: one stream, or a database of them with the length of each before it."""
    for magic, unpack in (
        (b"\x1f\x8b", PACKED[".gz"]),
        (b"BZh", PACKED[".bz2"]),
        (b"\xfd7zXZ", PACKED[".xz"]),
        (b"RD", bytes),
        (b"X\n", bytes),
    ):
        if data.startswith(magic):
            yield unpack(data)
            return
    while len(data) > 5:
        way, rest = data[4:5], data[5:]
        if way == b"0":
            size = int.from_bytes(data[:4], "big")
            saved, data = rest[:size], rest[size:]
        else:
            stream = _stream_of_r(way)
            saved = stream.decompress(data[4:] if way == b"x" else rest, MOST_BYTES)
            data = stream.unused_data
        yield saved


def _stream_of_r(way: bytes) -> Any:
    """What unpacks an object of a database, by the mark before it; zlib's is its own first byte."""
    if way == b"Z":
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 26}]
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    return bz2.BZ2Decompressor() if way == b"2" else zlib.decompressobj()


_VECTOR = re.compile(rb"\x00[\x00-\x0f][\x00-\xff][\x0a\x0d\x0e](?=\x00)|\x00\x04\x00\x09(?=\x00)")
"""The head of a vector in R's serialization: logical, integer or real, or a text; then its length,
of which only those below 2^24 are taken."""


def _vectors_of_r(saved: bytes) -> Iterator[Content]:
    """The columns of what R saved, and its texts; those of equal length stand together.

    Found by their heads: what else R saves, code above all, needn't be understood.
    """
    columns: list[list[float]] = []
    texts: list[str] = []
    at = 0
    while found := _VECTOR.search(saved, at):
        start, kind = found.end() + 4, saved[found.end() - 1]
        code, width = {9: ("b", 1), 10: ("i", 4), 13: ("i", 4), 14: ("d", 8)}[kind]
        size = int.from_bytes(saved[start - 4 : start], "big")
        body = saved[start : start + size * width]
        if len(body) < size * width or not size:
            at = found.start() + 1
            continue
        at = start + len(body)
        if kind == 9:
            texts.append(body.decode("utf-8", "replace"))
        else:
            numbers = array.array(code, body)
            if sys.byteorder == "little":
                numbers.byteswap()
            columns.append([n for n in numbers if n == n and n != _MISSING_IN_R])
    yield "text", "\n".join(texts)
    for length in {len(column) for column in columns}:
        yield "values", [column for column in columns if len(column) == length]

"""What files hold, whatever their format: texts, and values as they stand together."""

from __future__ import annotations

import array
import ast
import bz2
import gzip
import io
import json
import lzma
import re
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

MOST_BYTES = 8 << 20
"""Of one file, unpacked; the rest is not read."""
MOST_NUMBERS = 500_000
"""Of one array: the tables of tasks are smaller."""
_MOST_MEMBERS = 2000

Content = tuple[str, Any]
"""``"text"`` and a string, or ``"values"`` and what JSON can hold."""

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
BINARY = (".npy", *COLUMNAR)


def read(name: str, data: bytes) -> Iterator[Content]:
    """What a file holds.

    Args:
        name: Its name, in lower case.
        data: Its bytes.

    Raises:
        Exception: It is not what its name says; what was found before is fine.
    """
    suffix = "." + name.rpartition(".")[2]
    if suffix in PACKED:
        inner = name[: -len(suffix)]
        yield from read(inner if "." in inner else f"{inner}.txt", PACKED[suffix](data))
    elif suffix in ARCHIVES:
        for member, content in _members(suffix, data):
            yield from read(member, content)
    elif suffix in BINARY:
        yield from _binary(suffix, data)
    elif suffix == ".py":
        yield from _literals(ast.parse(data))
    else:
        yield from _text(suffix, data.decode("utf-8", "replace"))


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
        yield "values", _columns(suffix, data)
        return
    yield from _array(data)


def _columns(suffix: str, data: bytes) -> Any:
    """With pyarrow, if it is there: whoever reads such a file needs it too."""
    import pyarrow  # type: ignore[import-not-found]

    if suffix == ".parquet":
        import pyarrow.parquet  # type: ignore[import-not-found]

        table = pyarrow.parquet.read_table(pyarrow.BufferReader(data))
    else:
        import pyarrow.feather  # type: ignore[import-not-found]

        table = pyarrow.feather.read_table(pyarrow.BufferReader(data))
    return table.to_pydict()


def _array(data: bytes) -> Iterator[Content]:
    """NumPy's format, read by hand: its rows."""
    size, at = (struct.unpack("<H", data[8:10])[0], 10) if data[6] == 1 else (
        struct.unpack("<I", data[8:12])[0], 12,
    )  # fmt: skip
    header = ast.literal_eval(data[at : at + size].decode("latin-1"))
    kinds = {"f8": "d", "f4": "f", "i8": "q", "i4": "i", "i2": "h", "i1": "b"}
    kinds |= {"u8": "Q", "u4": "I", "u2": "H", "u1": "B", "b1": "B"}
    code = kinds[header["descr"][1:]]
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

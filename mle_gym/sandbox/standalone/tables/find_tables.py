"""Walks over everything that is shown and writes down what tables there are, a line of JSON each.

Run as ``python FOLDER/find_tables.py OUTPUT``.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from array import array
from collections.abc import Iterator
from typing import Any

from raw_numbers import LEAST, SUFFIXES  # type: ignore
from readers import BINARY, KNOWN, OF_R, PACKED, PLAIN, kind_of, read  # type: ignore
from row_fingerprints import KINDS, LONGEST_ROW, TOKEN, Keys, Prints, Word, number  # type: ignore

ELSEWHERE = ("/proc", "/sys", "/dev", "/workspace", "/run", "/opt/mle-gym", "/etc")
"""What the kernel, the host or the agent puts there."""
DULL = frozenset(
    re.findall(
        r"\S+",
        """
        .so .a .o .pyc .pyo .h .hpp .c .cc .cpp .cu .cuh .pyx .pxd .pxi .f .f90 .pyi .mo .po .png
        .jpg .jpeg .gif .webp .ico .svg .pdf .ps .eps .ttf .otf .woff .woff2 .afm .pfb .exe .dll
        .dylib .wav .mp3 .mp4 .class .jar .css .map .typed .tmpl .build .bc .cmake .pem .crt
        """,
    )
)
"""Of packages: what holds no tables that a program would read."""
TABLES = (".csv", ".tsv", ".tab", ".arff", ".data", ".npz", ".xlsx", *BINARY, *OF_R, *SUFFIXES)
"""Of everything else: what usually is one."""
PACKAGES = frozenset({"site-packages", "dist-packages"})
"""Folders of packages, whichever interpreter's: some programs bring their own."""
DATA = (*PLAIN, *TABLES)
"""Of packages: what is hidden if it is too large to be looked at."""
DIGITS = bytes(range(48, 58))
LEAST_DIGITS = 0.2
"""Share of a text's bytes without which it is no table, unless its name says that it is one."""
LARGEST = 8 << 20
"""Bytes of a file that is looked at: the tables of tasks are far smaller. A larger one may hold one
among much else, so it is as one that can't be read."""
FEWEST = 12
"""Prints of an array: of fewer nobody could tell whose they are."""
WIDTHS = range(2, 33)
"""Of the rows of an array that is tried."""
MOST_PRINTS = 4096
"""Of a file with more, a half, a quarter, … is written down, chosen by the hashes themselves."""


def main(output: str) -> None:
    """Write the index."""
    with open(output, "w") as file:
        for path in sorted(shown()):
            for line in lines_of(path):
                file.write(json.dumps(line) + "\n")


def lines_of(path: str) -> Iterator[dict[str, Any]]:
    """What there is in a file: one line, and one more for each way in which an array is read."""
    prints, keys, unread = Prints(), Keys(), os.path.getsize(path) > LARGEST
    try:
        data = b""
        if not unread:
            with open(path, "rb") as opened:
                data = opened.read()
            if is_dull(path, data):
                return
        for kind, content in read(os.path.basename(path).lower(), data) if data else ():
            if kind == "array":
                for tried in tries(*content):
                    yield described(path, tried)
            elif kind == "unread":
                unread = True
            elif kind == "text":
                take_text(prints, keys, content)
            else:
                take(prints, keys, content)
    except Exception:  # damaged, or not what its name says
        pass
    if unread or any(prints.kinds.values()):
        yield {**described(path, prints), "unread": unread}


def tries(numbers: list[float], wide: bool) -> Iterator[Prints]:
    """An array as a column, and as rows of each width, which isn't known."""
    found = [number(value) for value in numbers]
    alone = Prints()
    alone.add_run(found)
    if len(alone.kinds["runs"]) >= FEWEST:
        yield alone
    for width in WIDTHS if wide and len(found) >= LEAST else ():
        rows, surplus = Prints(), len(found) % width
        for skipped in sorted({0, surplus}):  # others may precede it by chance
            for start in range(skipped, len(found) - width + 1, width):
                rows.add_row(found[start : start + width])
        for start in range(len(found) // width) if not surplus else ():  # column after column
            rows.add_row(found[start :: len(found) // width])
        for column in range(width):
            rows.add_run(found[surplus + column :: width])
        if max(map(len, rows.kinds.values())) >= FEWEST:
            yield rows


def shown() -> Iterator[str]:
    """Every file that may hold a table."""
    for folder, folders, names in os.walk("/"):
        folders[:] = [f for f in folders if os.path.join(folder, f) not in ELSEWHERE]
        inside = not PACKAGES.isdisjoint(folder.split("/"))
        for name in names:
            suffixes = re.findall(r"\.[a-z0-9]+", name.lower())[-2:] or [""]
            last = suffixes[0] if suffixes[-1] in PACKED else suffixes[-1]
            path = os.path.join(folder, name)
            wanted = last not in DULL if inside else last in TABLES
            if wanted and not os.path.islink(path):
                most = sys.maxsize if inside and last in DATA else LARGEST
                if 0 < os.path.getsize(path) <= most:
                    yield path


def is_dull(path: str, data: bytes) -> bool:
    """Whether a text can't be a table, by its digits."""
    if kind_of(os.path.basename(path).lower(), data) in KNOWN - {".py"}:
        return False
    digits = len(data) - len(data.translate(None, DIGITS))
    return digits < LEAST_DIGITS * len(data)


def take_text(prints: Prints, keys: Keys, text: str) -> None:
    """A text: its lines, or what brackets hold, may be rows; its numbers may be a column."""
    run: list[float] = []
    tokens: list[Any] = []
    for line in re.split(r"[\n\r}\])]", text):
        found = [keys[token] for token in TOKEN.findall(line)]
        numbers = [key for key in found if type(key) is float]
        prints.add_row(numbers)
        run += numbers
        tokens += found
    prints.add_run(run)
    prints.add_words(tokens)
    prints.add_text([key for key in tokens if type(key) is Word])


def take(prints: Prints, keys: Keys, value: Any) -> None:
    """Values that stand together: rows, columns, and tables of either."""
    items = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(items, (list, tuple, set)):
        if isinstance(items, str):
            take_text(prints, keys, items)
        return
    scalars: list[Any] = []
    for item in items:
        if isinstance(item, (bool, int, float)):
            scalars.append(number(item))
        elif isinstance(item, str):
            scalars += [keys[token] for token in TOKEN.findall(item)]
        else:
            take(prints, keys, item)
    numbers = [key for key in scalars if type(key) is float]
    if len(numbers) <= LONGEST_ROW:
        prints.add_row(numbers)
    prints.add_run(numbers)
    if len(numbers) < len(scalars):
        prints.add_words(scalars)
        prints.add_text([key for key in scalars if type(key) is Word])
    if not scalars:
        take_columns(prints, keys, items)


def take_columns(prints: Prints, keys: Keys, items: Any) -> None:
    """Columns of equal length are rows as well."""
    if not 2 <= len(items) <= 100:
        return
    columns = [list(i.values()) if isinstance(i, dict) else i for i in items]
    lengths = {len(column) if isinstance(column, (list, tuple)) else -1 for column in columns}
    if len(lengths) == 1 and lengths.pop() > len(columns):
        for row in zip(*columns):
            if all(isinstance(value, (bool, int, float, str, type(None))) for value in row):
                take(prints, keys, list(row))


def described(path: str, prints: Prints) -> dict[str, Any]:
    """A file's prints as JSON."""
    line: dict[str, Any] = {"path": path, "also": compiled(path), "kinds": {}, "every": {}}
    for kind in KINDS:
        hashes = prints.kinds[kind]
        every = 1
        while len(hashes) > MOST_PRINTS * every:
            every *= 2
        chosen = sorted(each for each in hashes if each % every == 0)
        line["kinds"][kind] = base64.b64encode(array("q", chosen).tobytes()).decode()
        line["every"][kind] = every
    return line


def compiled(path: str) -> list[str]:
    """The byte code of a module, which holds its literals too."""
    folder, name = os.path.split(path)
    cache = os.path.join(folder, "__pycache__")
    if not name.endswith(".py") or not os.path.isdir(cache):
        return []
    return [os.path.join(cache, each) for each in os.listdir(cache) if each.startswith(name[:-2])]


if __name__ == "__main__":
    main(sys.argv[1])

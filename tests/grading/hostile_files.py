"""Grades files that are made to be expensive, one after another, and reports what each costs.

A program of its own, so that limits on memory and CPU time can be set on it:

    python -m tests.grading.hostile_files 50

for files of 50 MiB, as large as submissions may be. Reaching a limit ends it.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.grading.toys import IDS, Toy, one

SIZE = int(sys.argv[1]) << 20 if __name__ == "__main__" else 2**20
MEMORY = 160 * 2**20 + 6 * SIZE
"""How much grading a file may add to the address space: the values of one row, some copies."""
CPU_SECONDS = 30
NUMBER = one("rmse", {"id": "int", "y": "float"}, (1, 2, 3, 4))
WHOLE = one("mae", {"id": "int", "y": "int"}, (1, 2, 3, 4))
MANY = Toy("rmse", {"id": "int", "y": "float"}, [(r, r / 7) for r in range(SIZE // 256)])
LONG = range(SIZE // 100_000)
TEXT = Toy("levenshtein", {"id": "int", "y": "str"}, [(r, "a") for r in LONG])
"""It has so many rows that a file of this size is read."""
RANKED = Toy("map_at_k", {"id": "int", "y": "str"}, [(r, "a b") for r in LONG], {"k": 1000})
MASKED = Toy("dice", {"id": "int", "y": "str"}, [(r, "1 1") for r in LONG])
LABELS = Toy("matthews", {"id": "int", "y": "int"}, [(r, r % 7) for r in range(SIZE // 256)])

START = b"id,y\n"


def fill(piece: bytes, start: bytes = START, end: bytes = b"") -> bytes:
    return start + piece * ((SIZE - len(start) - len(end)) // len(piece)) + end


def cells(toy: Toy, cell: bytes) -> bytes:
    return START + b"".join(b"%d,%s\n" % (row[0], cell) for row in toy.rows)


WIDE = b"9" * 99_000
FILES: dict[str, tuple[Toy, Callable[[], bytes]]] = {
    "columns": (TEXT, lambda: fill(b",", b"")),
    "names": (TEXT, lambda: fill(b"abcdefg,", b"")),
    "values of one row": (TEXT, lambda: fill(b"1,")),
    "quoted commas": (TEXT, lambda: fill(b",", b'id,y\n3,"')),
    "commas on many lines": (TEXT, lambda: fill(b"," * 900_000 + b',"\n"')),
    "deep quotes": (TEXT, lambda: fill(b'""', b'id,y\n3,"')),
    "nothing but quotes": (TEXT, lambda: fill(b'"', b"")),
    "one cell": (TEXT, lambda: fill(b"a")),
    "one line of four-byte characters": (TEXT, lambda: fill("\U0001f600".encode())),
    "one character beyond ASCII": (TEXT, lambda: fill(b"a,", START, "\U0001f600".encode())),
    "rows": (TEXT, lambda: fill(b"3,a\n")),
    "quoted newlines": (TEXT, lambda: fill(b'3,"\n')),
    "blank lines": (TEXT, lambda: fill(b"\n")),
    "blank lines first": (TEXT, lambda: fill(b"\n", b"", b"id,y\n3,a")),
    "carriage returns": (TEXT, lambda: fill(b"\r", b"id,y")),
    "spaces": (TEXT, lambda: fill(b" ")),
    "NUL": (TEXT, lambda: fill(b"\0")),
    "NUL at the end": (TEXT, lambda: fill(b"3,a\n", START, b"\0")),
    "byte order marks": (TEXT, lambda: fill(b"\xef\xbb\xbf")),
    "bad byte at the end": (TEXT, lambda: fill("é".encode(), START, b"\xff")),
    "nearly numbers": (NUMBER, lambda: START + b"".join(b"%d,%sx\n" % (i, WIDE) for i in IDS)),
    "long fractions": (NUMBER, lambda: START + b"".join(b"%d,.%s\n" % (i, WIDE) for i in IDS)),
    "long integers": (WHOLE, lambda: START + b"".join(b"%d,%s\n" % (i, WIDE) for i in IDS)),
    "long zeros": (WHOLE, lambda: START + b"".join(b"%d,%s.0\n" % (i, b"0" * 99_000) for i in IDS)),
    "many nearly numbers": (MANY, lambda: cells(MANY, b"1" * 240 + b"x")),
    "many long numbers": (MANY, lambda: cells(MANY, b"0." + b"1" * 240)),
    "many distinct labels": (LABELS, lambda: START + b"".join(
        b"%d,%d\n" % (row, row * 172_933) for row in range(SIZE // 256))),
    "unknown ids": (MANY, lambda: START + b"".join(
        b"%d,1\n" % (2**40 + row * 262_144) for row in range(SIZE // 256))),
    "repeated labels": (RANKED, lambda: cells(RANKED, b"a " * 45_000)),
    "long masks": (MASKED, lambda: cells(MASKED, b" ".join(
        b"%d 1" % (2 * run) for run in range(1, 9_000)))),
}  # fmt: skip


def main() -> None:
    """Print a line of JSON for each file: name, code, CPU seconds, and MiB beyond the file."""
    for toy, _ in FILES.values():  # imports what grading requires, and reads the answers
        toy.grader.grade(START + b"".join(b"%d,1\n" % row[0] for row in toy.rows))
    for name, (toy, make) in FILES.items():
        content = make()
        resource.setrlimit(resource.RLIMIT_AS, (status("VmSize") + MEMORY, resource.RLIM_INFINITY))
        spent = time.process_time()
        resource.setrlimit(resource.RLIMIT_CPU, (int(spent) + CPU_SECONDS, resource.RLIM_INFINITY))
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        before = status("VmRSS")
        grade = toy.grader.grade(content)
        cost = {"cpu": time.process_time() - spent, "mib": (status("VmHWM") - before) >> 20}
        code = grade.error_code or "valid"
        print(json.dumps({"name": name, "code": code, "bytes": len(content), **cost}), flush=True)


def status(field: str) -> int:
    """Bytes, as the kernel counts them."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) << 10


if __name__ == "__main__":
    main()

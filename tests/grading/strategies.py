"""Submissions that hypothesis makes up: right ones in every notation, and damaged ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from mle_gym.tasks.spec import Column
from tests.grading.toys import Toy, quoted
from tests.tiers import example_count

Draw = st.DrawFn
Row = list[str]

LONG = settings.default is not None and settings.default.max_examples > 100


def examples(count: int) -> settings:
    """The same few examples in every short run. The profile "long" makes more and other ones."""
    return settings(
        max_examples=example_count(count),
        derandomize=not LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


HOSTILE = (
    "", " ", "\t", "nan", "NaN", "-nan", "NA", "N/A", "null", "None", "<NA>", "NaT", "-", "+", ".",
    "inf", "-inf", "+Infinity", "1e999", "-1E+999", "1e-400", "-0.0", "-0", "+0", "00", "1", "1.0",
    "01", "+1", "1.", ".5", "1e0", "1e", "e1", "1e5.0", "--1", "+-1", "1_000", "0x10", "0x1p3",
    "0b1", "1,5", "1.234,5", "1,234.5", "1 000", "1'000", "$1", "50%", "1/2", "1+0j", "1f", "1L",
    "\u0661", "\uff11", "\u22121", "\u00bd", "\u00b2", "1\u0300", "True", "false", "yes", "on",
    "2020-01-01", "2020-01-01T00:00:00Z", "12:30", "=1+1", "9007199254740993",
    "9007199254740993.0", "9007199254740992.5", "9223372036854775807", "9223372036854775807.0",
    "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1e19", "1e18",
    "0.99999999999999999", "1.00000000000000001", "1.0000001", "1.00001", "-1e-7", "-1e-5",
    "4.9e-324", "1.7976931348623157e308", "1.7976931348623159e308", "\x0b1", "\x0c1", "1\x1f",
    "\u00a01", "1\u2007", "1\n", "1\r", "\r\n", "\u20281", "\x851", "'1'", '"', '""', '"1"', 'a"b',
    "\ufeff1", "\u202e1", "\x1b[31m1", "1" * 400, "0" * 400 + "1", "1." + "0" * 400, "9" * 4301,
    "1" * 3000 + "x", "0" * 5000, "1e" + "0" * 5000 + "1", "\U0001f600", "a\u0301", "1 2", "2 1",
    "1 1 1 1", "0 1", "5 2 6 1", "1 " * 30, ";", "|", "#", "//", "\\n", "\\", "\x7f",
)  # fmt: skip


def spelled(number: int) -> st.SearchStrategy[str]:
    """A whole number as programs write it."""
    forms = ("{}", "{}.0", " {} ", "{}.", "{}e0", "{}.000e+00", "0{}" if number >= 0 else "{}")
    return st.sampled_from(forms).map(lambda form: form.format(number))


def right(column: Column, kind: str) -> st.SearchStrategy[str]:
    """A cell that the column and the metric's kind allow, most of the time."""
    if column.values is not None:
        numeric = column.type == "int"
        return st.sampled_from(column.values).flatmap(
            lambda value: spelled(int(value)) if numeric else st.just(str(value))
        )
    low, high = column.min, column.max
    if column.type == "probability" or (kind == "probability" and column.type == "float"):
        return st.floats(0, 1).map(repr) | st.sampled_from(["0", "1", "0.5", "1e-9"])
    if column.type == "int":
        least = -5 if low is None else math.ceil(low)
        return st.integers(least, 9 if high is None else min(9, math.floor(high))).flatmap(spelled)
    if column.type == "float":
        least = 0.0 if low is None else low
        return st.floats(least, 1e6 if high is None else high).map(repr)
    if kind == "mask":
        return st.lists(st.integers(1, 4), max_size=6).map(mask)
    if kind == "ranking":
        return st.lists(st.sampled_from("abcd\u00e9"), max_size=5).map(" ".join)
    return st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=9)


def mask(steps: Sequence[int]) -> str:
    """Runs and the gaps between them, as starts and lengths."""
    words, pixel = [], 1
    for gap, length in zip(steps[::2], steps[1::2], strict=False):
        words += [str(pixel + gap), str(length)]
        pixel += gap + length
    return " ".join(words)


@st.composite
def rows(draw: Draw, toy: Toy) -> list[Row]:
    """A header and a row for each id; shares sum to one where they must."""
    spec, kind = toy.task.submission, toy.grader._metric.metric.kind
    table = [list(spec.columns)]
    for name in toy.ids:
        row = {spec.id: str(name)}
        for column in spec.predicted:
            if column not in spec.sum_to_one:
                row[column] = draw(right(spec.columns[column], kind))
        if spec.sum_to_one:
            chance = Random(draw(st.integers(0, 99)))  # a hundred classes are slow to draw singly
            parts = [chance.randint(0, 1000 // len(spec.sum_to_one)) for _ in spec.sum_to_one[1:]]
            row[spec.sum_to_one[0]] = str((1000 - sum(parts)) / 1000)
            row |= {n: str(p / 1000) for n, p in zip(spec.sum_to_one[1:], parts, strict=True)}
        table.append([row[column] for column in table[0]])
    return table


@st.composite
def dressed(draw: Draw, table: Sequence[Sequence[str]]) -> bytes:
    """The same table, its rows and columns in any order and the file in any form."""
    columns = shuffled(draw, range(len(table[0])))
    lines = [table[0], *shuffled(draw, table[1:])]
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\r\n\r\n"]))
    quote = draw(st.sampled_from(["all", "needed", "some"]))
    text = draw(st.sampled_from(["", "", "\ufeff", "\n", "\r\n\n"]))
    chance = Random(draw(st.integers(0, 99)))
    for line in lines:
        cells = [line[at] for at in columns if at < len(line)] + list(line[len(columns) :])
        text += ",".join(cell_text(cell, quote, chance) for cell in cells) + end
    return (text if draw(st.booleans()) else text.removesuffix(end)).encode()


def shuffled(draw: Draw, values: Sequence[Any]) -> list[Any]:
    seed = draw(st.integers(0, 99))
    return Random(seed).sample(values, len(values)) if seed else list(values)


def cell_text(cell: str, quote: str, chance: Random) -> str:
    needed = any(mark in cell for mark in ',\r\n"')
    wanted = quote == "all" or (quote == "some" and chance.random() < 0.5)
    return quoted(cell) if needed or wanted else cell


@st.composite
def damaged(draw: Draw, table: list[Row]) -> list[Row]:
    """The table with a fault in it, or without one."""
    table = [list(row) for row in table]
    at, other = (draw(st.integers(0, len(table) - 1)) for _ in range(2))
    cell = draw(st.integers(0, len(table[at]) - 1))
    hostile = draw(st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8"), max_size=4))
    match draw(st.integers(0, 12)):
        case 0 | 1 | 2 | 3 | 4:
            table[at][cell] = hostile
        case 5:
            table[at][cell] = table[other][min(cell, len(table[other]) - 1)]
        case 6:
            table[at] += [hostile] * draw(st.sampled_from([1, 1, 2, 200]))
        case 7:
            table[at].pop(cell)
        case 8:
            table.append(table[at])
        case 9:
            table.pop(at)
        case 10:
            table = [[str(number - 1) if number else "", *row] for number, row in enumerate(table)]
        case 11:
            table = [[*row, row[cell] if cell < len(row) else ""] for row in table]
        case _:
            table = [[";".join(row)] for row in table]
    return table if table else [[""]]


@st.composite
def spoilt(draw: Draw, content: bytes) -> bytes:
    """The file with its bytes changed."""
    at = draw(st.integers(0, len(content)))
    piece = draw(
        st.sampled_from(
            [b"\0", b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b'"', b'""', b",",
             b"\n", b"\r", b"\xef\xbb\xbf", b" ", b"\x1a", b"\\", b";", b"\t"]
        )
        | st.binary(min_size=1, max_size=3)
    )  # fmt: skip
    text = content.decode()
    return draw(
        st.sampled_from(
            [
                content[:at] + piece + content[at:],
                content[:at],
                content[at:],
                content[:at] + piece + content[at + len(piece) :],
                content + content,
                text.encode("utf-16"),
                text.encode("utf-16-le"),
                text.encode("latin-1", "replace"),
                b"\xef\xbb\xbf" + content,
                b"PK\x03\x04" + content,
            ]
        )
    )


@st.composite
def submissions(draw: Draw, toy: Toy) -> bytes:
    """Anything from a right submission to noise."""
    table: Any = draw(rows(toy))
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
        table = draw(damaged(table))
    content = draw(dressed(table))
    return draw(spoilt(content)) if draw(st.integers(0, 4)) == 0 else content

from __future__ import annotations

import pytest

from mle_gym.datasets.sources.arff import Attribute, parse_arff
from mle_gym.errors import DatasetError


def parse(header: str, *rows: str) -> list[list[float | str | None]]:
    content = "\n".join(["% a comment", "@relation 'x y'", header, "", "@DATA", *rows])
    return parse_arff(content.encode())[1]


def test_attribute_names_may_be_quoted_and_types_in_any_case() -> None:
    header = (
        "@attribute 'a b' REAL\n@ATTRIBUTE \"c,d\" {x, 'y z'}\n"
        "@attribute e{1,2}\n@attribute f string\n@attribute g integer\n"
    )
    attributes, _ = parse_arff(f"@relation r\n{header}@data\n1,x,1,t,2\n".encode())
    assert attributes == [
        Attribute("a b", "numeric"),
        Attribute("c,d", "nominal"),
        Attribute("e", "nominal"),
        Attribute("f", "text"),
        Attribute("g", "numeric"),
    ]


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ("1, a", [1.0, "a"]),
        ("?,?", [None, None]),
        (",", [None, None]),
        ('1e3,"?"', [1000.0, "?"]),
        ("-2,'it\\'s, \\\"so\\\"'", [-2.0, 'it\'s, "so"']),
        ("3,'100\\% \\u00e9\\t'", [3.0, "100% é\t"]),
        ("4, 'two words' ", [4.0, "two words"]),
        ("5,two words", [5.0, "two words"]),
        ("6,''", [6.0, ""]),
        ("7,é", [7.0, "é"]),
    ],
)
def test_cells(row: str, cells: list[float | str | None]) -> None:
    columns = parse("@attribute n numeric\n@attribute s string", row)
    assert [column[0] for column in columns] == cells


def test_comments_and_blank_lines_between_rows_are_skipped() -> None:
    assert parse("@attribute n numeric", "1", "", "% no", "2") == [[1.0, 2.0]]


@pytest.mark.parametrize("row", ["1", "1,2,3", "1,'open", "x,a", "{0 1, 1 a}", "1,a'b'c"])
def test_broken_rows_name_their_line(row: str) -> None:
    with pytest.raises(DatasetError, match=r"ARFF line 8: .*, found"):
        parse("@attribute n numeric\n@attribute s string", "1,a", row)

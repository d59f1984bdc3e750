from __future__ import annotations

import gzip
import io
import pickle
import random
import re
import time
import zipfile
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_gym.errors import SubmissionError
from mle_gym.grading.csv import read_plain_numbers
from mle_gym.grading.csv.checked_table import parse_submission
from mle_gym.tasks.spec import SubmissionSpec
from tests.tiers import example_count

IDS = [10, 11, 12]


def spec(
    sum_to_one: tuple[str, ...] = (), max_bytes: int = 50 * 2**20, **columns: Any
) -> SubmissionSpec:
    fields = {"columns": {"id": "int", **columns}, "sum_to_one": sum_to_one}
    return SubmissionSpec.model_validate({"id": "id", "max_bytes": max_bytes, **fields})


LABEL = spec(y={"values": [0, 1]})
INT = spec(y="int")
NUMBER = spec(y="float")
BOUNDED = spec(y={"min": 0, "max": 10})
CHANCE = spec(y="probability")
WORD = spec(y={"values": ["cat", "dog"]})
TEXT = spec(y="str")
CLASSES = spec(a="probability", b="probability", sum_to_one=("a", "b"))
NAMED = SubmissionSpec.model_validate({"id": "name", "columns": {"name": "str", "y": "float"}})


def rows(*values: str) -> bytes:
    """A submission with these values in column y."""
    return "".join(["id,y\n", *(f"{i},{v}\n" for i, v in zip(IDS, values, strict=True))]).encode()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("submission.csv", "id,y\n")
    return buffer.getvalue()


DEFECTS: list[tuple[str, SubmissionSpec, bytes, str, str]] = [
    ("no bytes", LABEL, b"", "empty_file", "the file is empty"),
    ("blank", LABEL, b" \r\n\n", "empty_file", "the file is empty"),
    ("only a BOM", LABEL, b"\xef\xbb\xbf", "empty_file", "the file is empty"),
    ("too large", spec(y="int", max_bytes=10), b"id,y\n10,1\n11,1\n", "too_large",
     "larger than the 10 bytes"),
    ("gzip", LABEL, gzip.compress(rows("1", "0", "1")), "not_csv", "looks like gzip"),
    ("zip", LABEL, zipped(), "not_csv", "looks like a zip archive"),
    ("parquet", LABEL, b"PAR1\x15\x04\x15PAR1", "not_csv", "looks like Parquet"),
    ("pickle", LABEL, pickle.dumps([1, 2]), "not_csv", "looks like a Python pickle"),
    ("numpy", LABEL, b"\x93NUMPY\x01\x00v", "not_csv", "looks like a NumPy array"),
    ("bzip2", LABEL, b"BZh91AY&SYabc", "not_csv", "looks like bzip2"),
    ("UTF-16", LABEL, "id,y\n10,1\n".encode("utf-16"), "not_csv", "looks like UTF-16"),
    ("NUL", LABEL, b"id,y\n10,1\n11,\x000\n12,1\n", "nul_byte", "line 3: found a NUL byte"),
    ("Latin-1", TEXT, "id,y\n10,café\n".encode("latin-1"), "not_utf8",
     r"line 2: found the byte 0xe9, .*encoding='utf-8'"),
    ("open quote", TEXT, b'id,y\n10,"cat\n11,dog\n12,cat\n', "bad_quotes", "never closed"),
    ("text after quote", TEXT, b'id,y\n10,"cat"s\n', "bad_quotes", "line 2: .*after a closing"),
    ("header alone", LABEL, b"id,y\n", "wrong_row_count", "no rows below the header"),
    ("short row", LABEL, b"id,y\n10,1\n11\n12,1\n", "ragged_row",
     r"row 2 has 1 value, expected 2 as in the header; it starts with '11'"),
    ("long row", LABEL, b"id,y\n10,1\n11,0\n12,1,9\n", "ragged_row", "row 3 has 3 values"),
    ("too many rows", LABEL, rows("1", "0", "1") + b"13,1\n14,1\n", "wrong_row_count",
     "found 5 rows below the header, expected 3"),
    ("no header", LABEL, b"10,1\n11,0\n12,1\n", "missing_column",
     "the column 'id' is missing; found '10', '1'"),
    ("missing column", LABEL, b"id,Y\n10,1\n", "missing_column",
     r"the column 'y' is missing; found 'id', 'Y'"),
    ("misspelled column", spec(survived="int"), b"id,Survived\n10,1\n", "missing_column",
     r"'survived' is missing \(did you mean 'Survived'\?\)"),
    ("unknown column", spec(label="int"), b"id,label,lable\n10,1,1\n", "unknown_column",
     r"unknown column 'lable' \(did you mean 'label'\?\); expected only 'id', 'label'"),
    ("duplicate column", LABEL, b"id,y,y\n10,1,1\n", "duplicate_column", "column 'y' 2 times"),
    ("index column", LABEL, b",id,y\n0,10,1\n", "index_column", r"named ''.*index=False"),
    ("unnamed column", LABEL, b"Unnamed: 0,id,y\n0,10,1\n", "index_column", "index=False"),
    ("semicolons", LABEL, b"id;y\n10;1\n", "wrong_delimiter", "separated by ';', expected commas"),
    ("tabs", LABEL, b"id\ty\n10\t1\n", "wrong_delimiter", r"separated by '\\t'"),
    ("many columns", LABEL, b"id,y" + b",z" * 400_000, "too_many_columns",
     "400,002 columns, expected 2"),
    ("duplicate ids", LABEL, b"id,y\n10,1\n11,1\n11,0\n", "duplicate_ids",
     "column 'id': found 11 in more than one row, expected each id once"),
    ("unknown ids", LABEL, b"id,y\n10,1\n11,1\n99,0\n", "unknown_ids",
     "column 'id': found 99, expected only the ids of the test set"),
    ("missing ids", LABEL, b"id,y\n12,1\n10,1\n", "missing_ids",
     "column 'id': found no row for 11; found 2 rows, expected 3, one for each id"),
    ("empty id", LABEL, b"id,y\n10,1\n,1\n12,0\n", "missing_value",
     "column 'id': found '' in row 2; expected a whole number"),
    ("empty cell", LABEL, rows("1", "", "0"), "missing_value",
     r"column 'y': found '' in row 2 \(id 11\); expected one of 0, 1"),
    ("spaces", LABEL, rows("1", "  ", "0"), "missing_value", "row 2"),
    ("text", LABEL, rows("1", "maybe", "0"), "wrong_type",
     r"found 'maybe' in row 2 \(id 11\); expected one of 0, 1"),
    ("text among numbers", NUMBER, rows("1", "2", "1,5".replace(",", ".5.")), "wrong_type",
     "'1.5.5' in row 3"),
    ("decimal comma", NUMBER, rows("1", '"1,5"', "2"), "wrong_type", "'1,5' in row 2"),
    ("underscore", NUMBER, rows("1_000", "1", "2"), "wrong_type", "'1_000' in row 1"),
    ("hexadecimal", INT, rows("0x10", "1", "2"), "wrong_type", "'0x10' in row 1"),
    ("other digits", INT, rows("\u0661", "1", "2"), "wrong_type", "row 1"),
    ("boolean", LABEL, rows("1", "True", "0"), "wrong_type",
     r"'True' in row 2 .*\(write booleans as 1 and 0\)"),
    ("fraction", INT, rows("1", "3.7", "0"), "wrong_type",
     r"found '3.7' in row 2 \(id 11\); expected a whole number"),
    ("64 bits", INT, rows("1", "9223372036854775808", "0"), "out_of_range", "within 64 bits"),
    ("huge integer", INT, rows("1", "1e300", "0"), "out_of_range", "within 64 bits"),
    ("overflow", NUMBER, rows("1", "1e999", "0"), "infinite_value", "'1e999' in row 2"),
    ("overflow of an integer", INT, rows("1", "9" * 5000, "0"), "infinite_value", "row 2"),
    ("not allowed", LABEL, rows("1", "2", "0"), "value_not_allowed",
     r"found 2 in row 2 \(id 11\); expected one of 0, 1"),
    ("word not allowed", WORD, rows("cat", "cow", "dog"), "value_not_allowed",
     r"found 'cow' in row 2 .* one of 'cat', 'dog'"),
    ("empty word", WORD, rows("cat", "", "dog"), "value_not_allowed", "found '' in row 2"),
    ("below", BOUNDED, rows("1", "-0.5", "2"), "out_of_range",
     "found -0.5 in row 2 .* a number from 0 to 10"),
    ("above", BOUNDED, rows("1", "10.5", "2"), "out_of_range", "found 10.5 in row 2"),
    ("at least", spec(y={"min": 0}), rows("1", "-1", "2"), "out_of_range", "of at least 0"),
    ("at most", spec(y={"max": 5}), rows("1", "6", "2"), "out_of_range", "of at most 5"),
    ("probability", CHANCE, rows("0.5", "1.2", "0"), "out_of_range",
     "found 1.2 in row 2 .* a probability from 0 to 1"),
    ("above by more than rounding", CHANCE, rows("0.5", "1.00001", "0"), "out_of_range", "1.00001"),
    ("negative probability", CHANCE, rows("0.5", "-0.2", "0"), "out_of_range", "-0.2 in row 2"),
    ("sum", CLASSES, b"id,a,b\n10,0.5,0.5\n11,0.5,0.4\n12,1,0\n", "sum_not_one",
     r"'a \+ b': found 0.9 in row 2 \(id 11\); expected 1 in every row, within 0.001"),
    ("long text", TEXT, rows("a", "b" * 100_001, "c"), "value_too_long",
     r"'b{40}'… in row 2 .* at most 100,000 characters"),
    ("very long text", TEXT, rows("a", "b" * 200_000, "c"), "value_too_long", "line 3"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "content", "code", "message"),
    [pytest.param(*case[1:], id=case[0]) for case in DEFECTS],
)
def test_each_defect_has_its_code_and_says_what_was_found_and_expected(
    shape: SubmissionSpec, content: bytes, code: str, message: str
) -> None:
    with pytest.raises(SubmissionError) as caught:
        parse_submission(content, shape, IDS)
    assert caught.value.code == code
    assert re.search(message, caught.value.message), caught.value.message
    assert len(caught.value.message) < 600
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "word", ["nan", "NaN", "-nan", "NA", "N/A", "null", "NULL", "None", "<NA>", "NaT", "-", "?"]
)
@pytest.mark.parametrize("shape", [LABEL, NUMBER, CHANCE], ids=["label", "number", "probability"])
def test_every_spelling_of_a_missing_number_is_refused(word: str, shape: SubmissionSpec) -> None:
    with pytest.raises(SubmissionError, match="row 2") as caught:
        parse_submission(rows("1", word, "0"), shape, IDS)
    assert caught.value.code == "missing_value"


@pytest.mark.parametrize("word", ["inf", "-inf", "+Infinity", "INF", "1e400", "-1E+999"])
def test_every_spelling_of_infinity_is_refused(word: str) -> None:
    with pytest.raises(SubmissionError, match="row 2") as caught:
        parse_submission(rows("1", word, "0"), NUMBER, IDS)
    assert caught.value.code == "infinite_value"


def test_many_defects_are_named_by_three_examples_and_a_count() -> None:
    ids = list(range(100))
    content = "id,y\n" + "".join(f"{i},x{i}\n" for i in ids)
    with pytest.raises(SubmissionError, match=r"'x0' .*'x1' .*'x2' .* and 97 more"):
        parse_submission(content.encode(), INT, ids)


@pytest.mark.parametrize(
    ("shape", "written", "meant"),
    [
        (INT, ["1.0", " 2 ", "-3e1"], [1, 2, -30]),
        (INT, ["+1", "007", "9223372036854775807"], [1, 7, 2**63 - 1]),
        (NUMBER, ["1e-3", ".5", "-0"], [0.001, 0.5, 0.0]),
        (CHANCE, ["1.0000001", "-1.1920929e-07", "0.3"], [1.0, 0.0, 0.3]),
        (BOUNDED, ["10.000001", "-1e-7", "9.9999999"], [10.0, 0.0, 9.9999999]),
        (TEXT, ["NA", "null", "nan"], ["NA", "null", "nan"]),
        (TEXT, ["007", " a ", ""], ["007", " a ", ""]),
        (TEXT, ['"a, ""b"""', '"two\nlines"', "é"], ['a, "b"', "two\nlines", "é"]),
        (WORD, ["dog", "cat", "dog"], ["dog", "cat", "dog"]),
    ],
)
def test_legal_spellings_keep_their_meaning(
    shape: SubmissionSpec, written: list[str], meant: list[Any]
) -> None:
    table = parse_submission(rows(*written), shape, IDS)
    assert table["y"].tolist() == meant
    assert table["id"].tolist() == IDS
    assert table.dtypes["y"] in (np.int64, np.float64, object)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfid,y\n10,1\n11,0\n12,1\n",
        b"id,y\r\n10,1\r\n11,0\r\n12,1\r\n",
        b"id,y\r10,1\r11,0\r12,1",
        b"id,y\n10,1\n11,0\n12,1",
        b"\nid,y\n\n10,1\n\n11,0\n12,1\n\n\n",
        b'"id","y"\n"10","1"\n"11","0"\n"12","1"\n',
        b"y,id\n0,11\n1,12\n1,10\n",
    ],
    ids=["BOM", "CRLF", "CR", "no last newline", "blank lines", "quoted", "permuted"],
)
def test_the_same_table_in_another_dress(content: bytes) -> None:
    assert parse_submission(content, LABEL, IDS).to_dict("list") == {"id": IDS, "y": [1, 0, 1]}


def test_ids_that_lost_their_zeros_are_explained() -> None:
    ids = [f"{at:03}" for at in range(20)]
    lost = "name,y\n" + "".join(f"{int(name)},1\n" for name in ids)
    with pytest.raises(SubmissionError, match="begins with zeros, so read them with dtype=str"):
        parse_submission(lost.encode(), NAMED, ids)
    with pytest.raises(SubmissionError, match=r"ids of the test set$"):
        parse_submission(
            lost.replace("19", "019a").replace("\n7", "\n007").encode(), NAMED, [*ids[:19], "x"]
        )


def test_text_ids_are_compared_as_text() -> None:
    names = ["001", "NA", "x,y"]
    table = parse_submission(b'name,y\n"x,y",3\nNA,2\n001,1\n', NAMED, names)
    assert table.to_dict("list") == {"name": names, "y": [1.0, 2.0, 3.0]}
    with pytest.raises(SubmissionError, match="found '1', expected only") as caught:
        parse_submission(b'name,y\n"x,y",3\nNA,2\n1,1\n', NAMED, names)
    assert caught.value.code == "unknown_ids"


def test_what_is_quoted_from_a_submission_is_cut_and_escaped() -> None:
    with pytest.raises(SubmissionError) as caught:
        parse_submission(rows("1", "\x1b[31m\u202e" + "z" * 500, "0"), LABEL, IDS)
    assert "\\x1b[31m\\u202e" in caught.value.message
    assert len(caught.value.message) < 200


def test_probabilities_rounded_to_four_decimals_sum_to_one() -> None:
    content = b"id,a,b\n10,0.3333,0.6666\n11,0.5,0.5\n12,1,0\n"
    assert parse_submission(content, CLASSES, IDS)["a"].tolist() == [0.3333, 0.5, 1.0]


@settings(max_examples=example_count(300), deadline=None)
@given(st.binary(max_size=300) | st.text(alphabet='id,y01\n\r" .e-', max_size=120).map(str.encode))
def test_random_bytes_never_raise_anything_else_and_never_pass(content: bytes) -> None:
    with pytest.raises(SubmissionError):
        parse_submission(content, LABEL, list(range(1000, 1040)))


@settings(max_examples=example_count(100), deadline=None)
@given(st.data())
def test_damaged_submissions_give_what_was_written_or_an_error(data: st.DataObject) -> None:
    content = bytearray(rows("0.25", "0.5", "0.75"))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] = data.draw(st.integers(0, 255))
    try:
        table = parse_submission(bytes(content), CHANCE, IDS)
    except SubmissionError:
        return
    assert table["id"].tolist() == IDS
    assert table["y"].between(0, 1).all()


@settings(max_examples=example_count(50), deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_any_text_survives_pandas_and_a_permutation(texts: list[str], rng: random.Random) -> None:
    texts = [text.replace("\0", "").replace("\r", "") for text in texts]
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    order = list(range(len(texts)))
    rng.shuffle(order)
    table = pd.DataFrame({"y": texts, "id": range(len(texts))}, dtype=object).iloc[order]
    parsed = parse_submission(table.to_csv(index=False).encode(), TEXT, range(len(texts)))
    assert parsed["y"].tolist() == texts


NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**70), 2**70).map(str),
    st.from_regex(r"[0-9.eE+-]{0,6}", fullmatch=True),
    st.sampled_from(["", "nan", "True", "1.0", "1e999", " 1"]),
)


@settings(max_examples=example_count(300), deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=3, max_size=3), st.sampled_from(["", "\n"]))
def test_the_fast_way_agrees_with_the_careful_way(cells: list[tuple[str, str]], end: str) -> None:
    shape = spec(x="float", y="int")
    content = "id,x,y\n" + "\n".join(f"{i},{x},{y}" for i, (x, y) in zip(IDS, cells, strict=True))
    results = []
    for threshold in (0, 10**9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(read_plain_numbers, "WORTHWHILE", threshold)
            try:
                table = parse_submission((content + end).encode(), shape, IDS)
                results.append(str(table.to_dict("list")))
            except SubmissionError as error:
                results.append(f"{error.code} {error.message}")
    assert results[0] == results[1]


def test_large_files_of_numbers_take_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 20_000
    values = np.random.default_rng(0).random(count)
    table = pd.DataFrame({"id": range(count), "y": values}).sample(frac=1, random_state=0)
    monkeypatch.setattr("mle_gym.grading.csv.checked_table.read_table", None)  # the careful way
    parsed = parse_submission(table.to_csv(index=False).encode(), CHANCE, range(count))
    assert np.array_equal(parsed["y"], values)


MANY = 20 * 2**20


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"," * MANY, "too_many_columns"),
        (b"id,y\n" + b"," * MANY, "too_many_columns"),
        (b'id,y\n1,"' + b"," * MANY, "too_many_columns"),
        (b"id,y\n" + (b"," * 900_000 + b',"\n"') * 20, "too_many_columns"),
        (b'"' * MANY, "value_too_long"),
        (b"id,y\n10," + b"a" * MANY, "value_too_long"),
        (b"\0" * MANY, "nul_byte"),
        (b"\n" * MANY, "empty_file"),
        (b"id,y\n" + b"1,1\n" * (MANY // 4), "wrong_row_count"),
        (b"id,y\n" + b'1,"\n' * (MANY // 4), "wrong_row_count"),
    ],
    ids=["header", "row", "quoted", "record", "quotes", "cell", "nul", "blank", "rows", "strings"],
)
def test_hostile_files_cost_little_time(content: bytes, code: str) -> None:
    start = time.process_time()
    with pytest.raises(SubmissionError) as caught:
        parse_submission(content, TEXT, IDS)
    assert caught.value.code == code
    assert time.process_time() - start < 3

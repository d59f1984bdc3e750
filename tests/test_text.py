from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_gym.text import clean, clean_text

CASES = [
    (b"plain\n\ttext\n", "plain\n\ttext\n"),
    ("naïve 模型 ✓\n".encode(), "naïve 模型 ✓\n"),
    (b"a\xff\xfeb", "a\ufffd\ufffdb"),
    (b"\x1b[1;31mred\x1b[0m", "red"),
    (b"\x1b]0;title\x07after", "after"),
    (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
    (b"\x1b]52;c;cHduZWQ=\x07", ""),
    (b"\x1bP+q544e\x1b\\x", "x"),
    (b"\x1b(B\x1b=x", "x"),
    (b"unterminated \x1b]0;title", "unterminated 0;title"),
    (b"lonely \x1b", "lonely \u241b"),
    (b"\xc2\x9b31mred", "red"),
    (b"dos\r\nline\r\n", "dos\nline\n"),
    (b" 10%\r 50%\r100%\n", "100%\n"),
    (b" 10%\r100%\r\n", "100%\n"),
    (b"10%\r100%\r", "100%"),
    (b"kept\n 1/3\r 2/3\r 3/3\nkept too\n   \n", "kept\n 3/3\nkept too\n   \n"),
    (b"N\x08NA\x08A", "NA"),
    (b"50%\x08\x08\x08\x08\r100%", "100%"),
    (b"\x00\x07\x7f", "\u2400\u2407\u2421"),
    (b"\xc2\x85", "\ufffd"),
    ("safe\u202egpj.exe".encode(), "safe\ufffdgpj.exe"),
    ("a\u2066b\u2069".encode(), "a\ufffdb\ufffd"),
    (
        "e\u0301 \u05e9\u05dc\u05d5\u05dd \U0001f469\u200d\U0001f52c".encode(),
        "e\u0301 \u05e9\u05dc\u05d5\u05dd \U0001f469\u200d\U0001f52c",
    ),
]


@pytest.mark.parametrize(("output", "shown"), CASES, ids=[repr(output) for output, _ in CASES])
def test_output_is_shown_as_a_terminal_would_leave_it(output: bytes, shown: str) -> None:
    assert clean(output) == shown


@given(st.binary(max_size=200) | st.lists(st.sampled_from(b"\x1b[]P;m0\\\r\n\b\x07ab")).map(bytes))
def test_no_control_character_survives_and_nothing_grows(output: bytes) -> None:
    text = clean(output)
    controls = {c for c in text if unicodedata.category(c) == "Cc"}
    assert controls <= {"\n", "\t"}
    assert len(text) <= len(output)
    assert clean(text.encode()) == text


@pytest.mark.parametrize("piece", [b"\x1b]0;", b"\x1b[", b"\x1bP", b"\r", b"\b", b"a\b", b"\x1b"])
def test_hostile_output_is_cleaned_in_linear_time(piece: bytes) -> None:
    started = time.process_time()  # whatever else the machine does
    clean(piece * 200_000)
    assert time.process_time() - started < 2


def test_text_that_no_encoding_has_can_be_printed() -> None:
    assert clean_text("file-\udcff").encode() == "file-\ufffd".encode()

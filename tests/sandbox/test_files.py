"""Folders taken out of sandboxes: whole, bounded, and never leading out."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_gym.errors import SubmissionError
from mle_gym.sandbox import Reply, Request, Sandbox
from mle_gym.sandbox.standalone.shared.packed_files import pack_files, unpack_files
from tests.tiers import example_count, few_quick


def packed(index: object, contents: bytes = b"") -> bytes:
    text = json.dumps(index).encode()
    return struct.pack(">I", len(text)) + text + contents


NAMES = st.lists(st.text("abé.", min_size=2, max_size=3), min_size=1, max_size=3).map("/".join)


@given(st.dictionaries(NAMES.filter(lambda name: ".." not in name), st.binary(max_size=9)))
@settings(deadline=None, max_examples=example_count(50))
def test_what_is_packed_is_unpacked(files: dict[str, bytes]) -> None:
    assert unpack_files(pack_files(files)) == files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "too few bytes"),
        (packed({}) + b"x", "sizes of the files"),
        (packed([["a", 5]], b"1"), "sizes of the files"),
        (packed([["a", 1], ["a", 1]], b"12"), "sizes of the files"),
        (packed([["a", -1]]), "no size"),
        (packed([["a", True]], b"1"), "no size"),
        (packed([["/etc/passwd", 0]]), "no relative path"),
        (packed([["", 0]]), "no relative path"),
        (packed([["a\0b", 0]]), "no relative path"),
        (packed([["../a", 0]]), "may lead out"),
        (packed([["..", 0]]), "may lead out"),
        (packed([["a/../../b", 0]]), "may lead out"),
        (packed([["a//b", 0]]), "may lead out"),
        (packed([["\ud800", 0]]), "names and sizes"),
        (packed(7), "names and sizes"),
        (packed([["a"]]), "names and sizes"),
        (struct.pack(">I", 90_000) + b"[" * 90_000, "names and sizes"),
    ],
)
def test_what_no_runner_packs_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unpack_files(content)


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=40).map(lambda b: packed([]) + b)))
@settings(deadline=None)
def test_no_bytes_do_anything_else_than_be_refused(content: bytes) -> None:
    try:
        assert pack_files(unpack_files(content)) is not None
    except ValueError:
        return


def test_a_folder_leaves_with_all_but_its_hidden_files(sandbox: Sandbox) -> None:
    sandbox.execute(
        "mkdir -p a/lib a/.git a/__pycache__ && echo 1 > a/m.py && echo 2 > a/lib/é.py && "
        "echo 3 > a/.git/x && echo 4 > a/__pycache__/x && ln -s ../m.py a/lib/link.py",
        timeout=10,
    )
    files = {"lib/link.py": b"1\n", "lib/é.py": b"2\n", "m.py": b"1\n"}
    assert sandbox.fetch_files("a", max_bytes=100) == files
    assert sandbox.fetch_files("a/m.py", max_bytes=100) == {"m.py": b"1\n"}
    seen: list[Request] = []
    event = sandbox.begin("validate a; validate a/m.py", timeout=10)
    while isinstance(event, Request):
        seen.append(event)
        event = sandbox.answer(Reply(0, "noted\n"))
    assert event.output == b"noted\nnoted\n"
    assert [(request.content, request.folder) for request in seen] == [(b"", files), (b"1\n", None)]


@pytest.mark.parametrize(
    ("prepare", "message"),
    few_quick(
        [
            ("true", "no such file"),
            ("mkdir odd; mkfifo odd/pipe", "pipe: is not a regular file"),
            ("mkdir odd; ln -s /dev/zero odd/zero", "zero: is not a regular file"),
            ("mkdir odd; ln -s nowhere odd/link", "link: no such file"),
            (
                "mkdir odd; echo 123456 > odd/a; echo 123456 > odd/b",
                "b: has 7 bytes, at most 3 are",
            ),
            ("mkdir odd; truncate -s 1T odd/huge", "huge: has 1099511627776 bytes"),
            ("mkdir odd; (cd odd; touch {1..1002})", "more than 1000 files"),
            ("mkdir odd; (cd odd; mkdir .{1..10002})", "more than 1000 files"),
            (r"mkdir odd; touch odd/$'\xff'", "codec can't encode"),
            ("mkfifo odd", "not a regular file"),
        ],
        lambda case: "{1.." not in case[0],
        "it makes thousands of files",
    ),
)
def test_a_folder_leaves_whole_or_not_at_all(sandbox: Sandbox, prepare: str, message: str) -> None:
    sandbox.execute(prepare, timeout=30)
    with pytest.raises(SubmissionError, match=message):
        sandbox.fetch_files("odd", max_bytes=10)
    assert sandbox.execute("echo alive", timeout=10).output == b"alive\n"


@pytest.mark.slow("it makes a thousand folders")
def test_folders_in_folders_are_followed_to_their_end(sandbox: Sandbox) -> None:
    deep = "for _ in $(seq 400); do mkdir d; cd d; done; echo 1 > f"
    sandbox.execute(f"mkdir odd; (cd odd; {deep})", timeout=30)
    assert list(sandbox.fetch_files("odd", max_bytes=10)) == ["d/" * 400 + "f"]

"""The patches that ``apply_patch`` understands, and why it refuses others."""

from __future__ import annotations

import pytest

from mle_gym.sandbox.standalone.runner.apply_patch import PatchError, read_patch

FILES = {
    "a.py": "import os\n\ndef f():\n    return 1\n\ndef g():\n    return 1\n",
    "spaces.txt": "one  \n\ttwo\nthree\n",
}


def read(path: str) -> str:
    if path not in FILES:
        raise PatchError(f"{path}: no such file")
    return FILES[path]


def patched(*lines: str) -> dict[str, str | None]:
    return read_patch("\n".join(["*** Begin Patch", *lines, "*** End Patch"]), read)


def test_the_lines_of_an_update_are_searched_below_its_header() -> None:
    found = patched("*** Update File: a.py", "@@ def g():", "-    return 1", "+    return 2")
    assert found == {"a.py": FILES["a.py"][:-9] + "return 2\n"}


def test_several_pieces_are_found_one_after_the_other() -> None:
    piece = ("@@", "-    return 1", "+    return 3")
    found = patched("*** Update File: a.py", *piece, *piece)
    assert found == {"a.py": FILES["a.py"].replace("1", "3")}


def test_white_space_may_differ_and_lines_that_stay_keep_theirs() -> None:
    found = patched("*** Update File: spaces.txt", " one", "-two", "+2", " three")
    assert found == {"spaces.txt": "one  \n2\nthree\n"}


def test_new_lines_alone_go_below_the_header_or_to_the_end() -> None:
    below = patched("*** Update File: a.py", "@@ import os", "+import re")
    assert below == {"a.py": "import os\nimport re" + FILES["a.py"][9:]}
    end = patched("*** Update File: a.py", "@@", "+last", "*** End of File")
    assert end == {"a.py": FILES["a.py"] + "last\n"}


def test_end_of_file_finds_the_last_occurrence() -> None:
    lines = ("@@", "-    return 1", "+    return 2", "*** End of File")
    assert patched("*** Update File: a.py", *lines) == {"a.py": FILES["a.py"][:-9] + "return 2\n"}


def test_a_file_may_be_updated_more_than_once() -> None:
    first = ("*** Update File: a.py", "@@", "-import os", "+import re")
    second = ("*** Update File: a.py", "@@ def g():", "-    return 1", "+    return 2")
    changed = FILES["a.py"].replace("os", "re")[:-9] + "return 2\n"
    assert patched(*first, *second) == {"a.py": changed}


def test_files_are_added_deleted_and_moved() -> None:
    found = patched(
        "*** Add File: new/b.txt",
        "+one",
        "+",
        "*** Delete File: spaces.txt",
        "*** Update File: a.py",
        "*** Move to: c.py",
        "@@",
        "-import os",
    )
    moved = FILES["a.py"].removeprefix("import os\n")
    assert found == {"new/b.txt": "one\n\n", "spaces.txt": None, "a.py": None, "c.py": moved}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["*** Update File: none.py", "@@", "-x"], "none.py: no such file"),
        (["*** Delete File: none.py"], "none.py: no such file"),
        (["*** Update File: a.py", "@@", "-absent"], "a.py: these lines are not in the file"),
        (["*** Update File: a.py", "@@ def h():", "+x"], "there is no line 'def h"),
        (["*** Update File: a.py", "?"], "a.py: a line of an update begins with"),
        (["*** Add File: b", "one"], "line 3: a line of a new file begins with"),
        (["--- a/a.py"], "line 2: expected"),
    ],
)
def test_a_patch_that_does_not_fit_says_where(lines: list[str], message: str) -> None:
    with pytest.raises(PatchError, match=message):
        patched(*lines)


@pytest.mark.parametrize("text", ["", "x", "*** Begin Patch", "*** Begin Patch\n*** Add File: a"])
def test_a_patch_has_a_beginning_and_an_end(text: str) -> None:
    with pytest.raises(PatchError, match="a patch begins with"):
        read_patch(text, read)

"""``SECURITY.md`` says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mle_gym.sandbox.seccomp.denied_calls import CONDITIONS, DENIED, NOT_THERE

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_refused_call_is_listed_with_its_reason() -> None:
    table = TEXT.partition("<!-- rules -->")[2].partition("<!-- end of rules -->")[0]
    rows = {}
    for line in table.strip().splitlines()[2:]:
        why, calls = line.strip("| ").split(" | ")
        rows[why] = tuple(re.findall(r"`(\w+)`", calls))
    assert rows == DENIED


@pytest.mark.parametrize("call", [*CONDITIONS, *NOT_THERE])
def test_every_call_with_a_condition_is_named(call: str) -> None:
    assert f"`{call}`" in TEXT or call == "socketpair"


def test_every_test_that_it_names_is_there_and_every_family_is_named() -> None:
    named = set(re.findall(r"`(?:tests/)?(?:security/|sandbox/)?(test_\w+\.py)`", TEXT))
    there = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert named <= there
    own = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    assert own - named == {Path(__file__).name}

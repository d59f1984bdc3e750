"""Many asyncio sessions, cancelled at random, leave nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.async_sessions import Found, main


@pytest.mark.bubblewrap
@pytest.mark.slow("it plays for as long as it is told")
def test_a_few_sessions_end_as_they_should_and_leave_nothing(tmp_path: Path) -> None:
    settings = {"sessions": 8, "environments": 5, "minutes": 0.2, "rounds": 4, "threads": 4}
    settings["cancellations"] = 15
    words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    main([*words, "--tasks", "zoo", "--out", str(tmp_path)])
    found = json.loads((tmp_path / "async_sessions.json").read_text())
    assert found["unlabelled"] == []
    assert found["episodes"]["cancelled"] > 0
    assert found["cancellations"] > 20
    first, *_, last = found["samples"][1:]
    for name in ("processes", "threads", "mounts", "groups", "files"):
        # What serves all sandboxes comes and goes, with some twenty open files for each process.
        # A leak would be one for each session that is cancelled.
        assert last[name] <= first[name] + (60 if name == "files" else 3), name


def test_what_has_no_label_is_reported() -> None:
    found = Found()
    assert found.outcome({"failure": None, "grade": {}}) == "graded"
    assert found.outcome({"failure": {"kind": "sandbox_died"}}) == "sandbox_died"
    assert found.unlabelled == []
    assert found.outcome({"failure": {"kind": "mystery"}}) == "unlabelled"
    assert found.outcome({"failure": None}) == "unlabelled"
    assert len(found.unlabelled) == 2

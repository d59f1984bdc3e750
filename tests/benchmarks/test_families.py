from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import families

LEARNABLE: dict[str, Any] = {
    "task": "springs",
    "variants": 64,
    "size": "micro",
    "programs": 8,
    "patches": 0,
    "baseline": 0.3,
    "solution": 0.9,
    "learnable": True,
    "outcomes": {"a": {"anchored": 0.5, "best_on": 40}, "b": {"anchored": 0.4, "best_on": 24}},
    "criteria": [
        {"key": "gap", "name": "gap", "figure": 0.2, "limit": "", "passed": True, "detail": ""},
        {"key": "choice", "name": "c", "figure": 0.9, "limit": "", "passed": True, "detail": ""},
        {"key": "two", "name": "t", "figure": 0.5, "limit": "", "passed": True, "detail": ""},
    ],
}
REFUSED = LEARNABLE | {"task": "pumps", "learnable": False, "outcomes": {}, "programs": 0}
REFUSED["criteria"] = [
    {"key": "spread", "name": "the solution's s.d. over variants", "figure": 0.25,
     "limit": "at most 0.1", "passed": False, "detail": ""},
    {"key": "programs", "name": "honest programs of one fit", "figure": None,
     "limit": "at least 8", "passed": None, "detail": "no programs.toml"},
]  # fmt: skip
BROKEN = {"task": "broken", "error": "no such column"}


def test_the_steps_go_from_the_best_fixed_program_to_the_best_of_each_variant() -> None:
    expected = {"fixed": 0.5, "two": 0.6, "choice": 0.68, "best": 0.7}
    assert families.steps(LEARNABLE) == pytest.approx(expected)
    assert families.steps(REFUSED) == {}


def test_the_picture_has_a_line_for_each_family(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert families.write_picture(tmp_path / "a.png", [LEARNABLE, REFUSED, BROKEN]) == ""
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert families.write_picture(tmp_path / "b.png", [BROKEN]) == "nothing was measured"


def test_measuring_one_family_again_keeps_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["gone", "pumps", "springs"]
    monkeypatch.setattr(families, "names_of_families", lambda: names[1:])
    monkeypatch.setattr(families, "measure", lambda name, *_: LEARNABLE | {"task": name})
    file = tmp_path / families.FILE
    file.write_text(json.dumps([{"task": "gone"}, REFUSED]))
    monkeypatch.setattr(sys, "argv", ["families", "--out", str(tmp_path), "--only", "springs"])
    families.main()
    written = json.loads(file.read_text())
    assert [each["task"] for each in written] == ["pumps", "springs"]
    assert written[0]["learnable"] is False


def test_a_family_that_cannot_be_measured_says_why() -> None:
    found = families.measure("titanic", 2, 1)
    assert found["task"] == "titanic"
    assert "whose data are generated" in found["error"]


def test_the_table_says_what_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    import measured_tables

    (tmp_path / "families.json").write_text(json.dumps([LEARNABLE, REFUSED, BROKEN]))
    monkeypatch.setattr(measured_tables, "FOLDER", tmp_path)
    monkeypatch.setattr(measured_tables, "_families", lambda: ["springs", "valves"])
    _, _, broken, pumps, springs, valves = measured_tables.families_table().splitlines()
    assert springs.endswith("| 64 | 8 | 0.30 → 0.90 | 0.50 → 0.70 | 90% | 50% | yes |")
    assert "the solution's s.d. over variants: 0.25, at most 0.1" in pumps
    assert "honest programs of one fit: no programs.toml" in pumps
    assert broken.endswith("not measured |")
    assert valves.endswith("not measured |")

"""The soak counts resources correctly, and notices what grows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from benchmarks.soak import Sample, grown, main

FLAT = Sample(0, 250.0, 19, 3, 3, 30, 0, 0, 7)


@pytest.mark.filterwarnings("ignore:sandbox='subprocess'")
@pytest.mark.slow("it plays every kind of episode")
def test_every_kind_of_episode_is_played_and_nothing_is_left(tmp_path: Path) -> None:
    arguments = ["--episodes", "24", "--backends", "bubblewrap", "subprocess"]
    main([*arguments, "--out", str(tmp_path)])
    found = json.loads((tmp_path / "soak.json").read_text())
    assert found["backends"] == ["bubblewrap", "subprocess"]
    last = found["samples"][-1]
    assert (last["episodes"], last["groups"]) == (24, 0)
    assert last["processes"] == found["samples"][5]["processes"]


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Sample)[1:]])
def test_what_grows_is_named(name: str) -> None:
    base = getattr(FLAT, name)
    samples = [dataclasses.replace(FLAT, **{name: base + n}) for n in range(20)]
    assert [line.partition(",")[0] for line in grown(samples)] == [name]
    assert grown([FLAT] * 20) == []

"""A small task in its own folder, for tests to change."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pandas as pd
import pytest

from mle_gym.tasks import catalog
from tests.keyed import keyed

MakeTask = Callable[..., Path]

PLAIN: dict[str, Any] = {
    "id": "fruit",
    "title": "Fruit",
    "kind": "tabular-classification",
    "data": {
        "loader": "files",
        "ref": "data.csv",
        "target": "ripe",
        "test_size": 20,
        "stratify": True,
    },
    "submission": {"columns": {"id": "int", "ripe": {"values": [0, 1]}}},
    "grade": {"metric": "accuracy", "worst": 0.0, "best": 1.0},
}


def toml(content: dict[str, Any]) -> str:
    """TOML of nested dictionaries: top-level tables, inline below."""
    scalars = {name: value for name, value in content.items() if not isinstance(value, dict)}
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    lines = [f"{json.dumps(name)} = {_inline(value)}" for name, value in scalars.items()]
    for name, table in tables.items():
        lines += ["", f"[{json.dumps(name)}]"]
        lines += [f"{json.dumps(key)} = {_inline(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_inline(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value)


def fruit(rows: int = 60) -> pd.DataFrame:
    """Rows whose target depends weakly on two columns and not at all on the row's place."""
    rng = np.random.default_rng(0)
    weight = rng.normal(100, 15, rows).round(2)
    colour = rng.choice(["red", "green", "yellow"], rows)
    ripe = (weight + 20 * (colour == "red") + rng.normal(0, 20, rows) > 105).astype(int)
    names = [f"Fruit no. {at} of Orchard {at % 7}" for at in rng.permutation(rows)]
    return pd.DataFrame(
        {
            "weight": weight,
            "colour": colour,
            "name": names,
            "tree": rng.integers(0, 12, rows),
            "day": rng.permutation(rows),
            "ripe": ripe,
        }
    )


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` merged in; None deletes."""
    result = dict(base)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value)
        else:
            result[name] = value
    return result


@pytest.fixture
def make_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeTask]:
    """``make_task({"data": {"test_size": 5}}, files={"prepare.py": …})`` writes a task folder.

    If the test, or a command in it, registers the folder, that is forgotten after the test.
    """

    def make(
        changes: dict[str, Any] | None = None,
        *,
        files: dict[str, str] | None = None,
        table: pd.DataFrame | None = None,
        folder: str = "fruit",
    ) -> Path:
        path = tmp_path / folder
        path.mkdir(parents=True, exist_ok=True)
        (path / "task.toml").write_text(toml(merged(PLAIN, changes or {})))
        (path / "description.md").write_text("Say which fruit are ripe.\n")
        (table if table is not None else fruit()).to_csv(path / "data.csv", index=False)
        for name, content in (files or {}).items():
            (path / name).write_text(content)
        return keyed(path)

    with forgotten(monkeypatch):
        yield make


@pytest.fixture
def own_cache(tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without a dataset."""
    folder = without_datasets(tmp_path / "cache", cache_folder)
    monkeypatch.setenv("MLE_GYM_CACHE", str(folder))
    return folder


SHARED = ("tables", "packages", "programs", "installations")
"""Parts of a cache that follow from what is installed."""


def without_datasets(folder: Path, cache_folder: Path) -> Path:
    """A cache that shares with the whole run's only what follows from what is installed.

    Finding that out and putting it together takes ten seconds of a processor.
    """
    folder.mkdir(parents=True)
    for part in SHARED:
        (cache_folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / part).symlink_to(cache_folder / part)
    return folder


@pytest.fixture
def clean_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tasks that a test registers are forgotten after it."""
    with forgotten(monkeypatch):
        yield


@contextlib.contextmanager
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget at the end what is registered meanwhile."""
    before = dict(gymnasium.registry)
    monkeypatch.setattr(catalog, "_registered", {})
    try:
        yield
    finally:
        gymnasium.registry.clear()
        gymnasium.registry.update(before)

"""Training data, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mle_gym.trajectories.training_data import parquet_file
from tests.cli.conftest import Command

pytestmark = pytest.mark.usefixtures("sandbox")


def test_episodes_are_exported_and_what_is_left_out_is_told(command: Command, coins: Path) -> None:
    assert command("run", coins, "--agent", "solution", "--out", "runs/won.jsonl").code == 0
    command("run", coins, "--agent", "random", "--out", "runs/lost.jsonl")
    result = command("export-trajectories", "runs", "-o", "out.jsonl", "--min-reward", "0.9")
    assert (result.code, result.out) == (0, "1 episodes  out.jsonl\n")
    assert "left out 1: reward below 0.9" in result.err
    (line,) = Path("out.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert (record["name"], record["reward"], record["integrity"]) == ("won", 1.0, "clean")
    again = command("export-trajectories", "runs", "-o", "out.jsonl")
    assert again.code == 2
    assert "--overwrite" in again.err or "overwrite it" in again.err
    as_json = command("export-trajectories", "runs", "-o", "out.jsonl", "--overwrite", "--json")
    assert as_json.json == {"path": "out.jsonl", "written": 2, "left_out": {}}
    none = command("export-trajectories", "runs", "-o", "none.jsonl", "--min-reward", "2")
    assert none.code == 1
    documents = command("export-trajectories", "runs", "--format", "atif", "-o", "documents")
    assert documents.code == 0
    assert sorted(each.name for each in Path("documents").iterdir()) == ["lost.json", "won.json"]


def test_parquet_without_its_extra_says_what_to_install(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_file, "pyarrow", None)
    Path("runs").mkdir()
    result = command("export-trajectories", "runs", "--format", "parquet", "-o", "x")
    assert result.code == 3
    assert 'pip install "mle-gym[export]"' in result.err
    assert not Path("x").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "x"], "name trajectories"),
        (["."], "-o"),
        ([".", "-o", "x", "--format", "csv"], "'csv' is none of openai"),
        ([".", "-o", "x", "--integrity", "good"], "'good' is none of clean"),
        (["--experts", "macro", "-o", "x"], "no suite 'macro'"),
        (["nothing.jsonl", "-o", "x"], "nothing.jsonl"),
    ],
    ids=str,
)
def test_what_cannot_be_exported_is_a_usage_error(
    command: Command, words: list[str], message: str
) -> None:
    result = command("export-trajectories", *words)
    assert result.code == 2
    assert message in result.err
    assert not Path("x").exists()

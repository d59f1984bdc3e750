"""A real episode's record, and the means to change it as a forger would."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mle_gym.trajectories.hash_chain import Chain
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.verify.run_verification import Verification

ACTIONS = (
    "ls data",
    "cp data/sample_submission.csv submission.csv; validate; echo oops > bad.csv; score bad.csv",
    {"tool": "validate"},
    {"tool": "score"},
    "sed -i 's/mammal/bird/' submission.csv && submit",
)
Forge = Callable[..., Path]


class Scripted:
    """Plays a list of actions."""

    name = "scripted"

    def __init__(self, actions: tuple[Any, ...]) -> None:
        self.actions = list(actions)

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Do nothing."""

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        return self.actions.pop(0)


def play(
    path: Path, task: str = "zoo", actions: tuple[Any, ...] = ACTIONS, **more: Any
) -> dict[str, Any]:
    """Record an episode; returns its footer."""
    key = more.pop("key", None)
    arguments = {"sandbox": "bubblewrap", "feedback": "score", "max_steps": 9, **more}
    with contextlib.closing(gymnasium.make("mle/zoo-v0", task=task, **arguments)) as env:
        footer = rollout(env, Scripted(actions), seed=3, path=path, key=key).footer
    assert footer is not None
    return footer


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:
    """The record of an episode of zoo."""
    path = tmp_path_factory.mktemp("recorded") / "zoo.jsonl"
    play(path)
    return path


@pytest.fixture
def forge(recorded: Path, tmp_path: Path) -> Forge:
    """Change a record's lines and compute its chain anew; ``key`` signs it."""

    def forge(
        change: Callable[[list[dict[str, Any]]], object],
        *,
        key: bytes | None = None,
        source: Path = recorded,
    ) -> Path:
        lines = [json.loads(line) for line in source.read_bytes().splitlines()]
        change(lines)
        chain = Chain(key)
        for line in lines:
            line.pop("hash", None)
            line["hash"] = chain.add(line)
        path = tmp_path / "forged.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    return forge


def status(result: Verification, check: str) -> set[str]:
    """The outcome of a check."""
    return {finding.severity for finding in result.findings if finding.check == check}


def failures(result: Verification) -> str:
    """The faults, one line each."""
    return "\n".join(f"{f.check}: {f.detail}" for f in result.findings if f.severity == "failed")

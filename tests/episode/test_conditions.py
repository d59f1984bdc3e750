"""An episode under another benchmark's conditions, and what differs from them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mle_gym.env import MLEEnv
from mle_gym.episode.conditions import conditions_line, conditions_of
from mle_gym.evaluation.local_engine import Capacity
from mle_gym.evaluation.plan import AgentEntry, Plan
from mle_gym.sandbox import machine
from mle_gym.trajectories.replay_risks import risks

LARGE = {"processors": 64, "memory_mb": 2.0**20}
SMALL = {"processors": 2, "memory_mb": 10_000.0}


def on_a_machine(monkeypatch: pytest.MonkeyPatch, processors: int, memory_mb: float) -> None:
    monkeypatch.setattr(machine, "processors", lambda: processors)
    monkeypatch.setattr(machine, "memory_mb", lambda: memory_mb)


def settings(**arguments: Any) -> dict[str, Any]:
    return dataclasses.asdict(MLEEnv("titanic", **arguments).settings)


def test_a_large_machine_gives_what_the_benchmark_recommends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_a_machine(monkeypatch, **LARGE)
    found = settings(conditions="mle-bench", gpus=[0])
    assert (found["max_steps"], found["time_limit"], found["feedback"]) == (500, 86400, "validate")
    assert (found["limits"]["cpus"], found["limits"]["memory_mb"]) == (36, 440 * 1024)
    assert conditions_of(found) == {"name": "mle-bench", "departures": {}}
    assert conditions_line(found) == "mle-bench"


def test_a_small_machine_gives_what_it_has_and_leaves_some_to_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_a_machine(monkeypatch, **SMALL)
    found = settings(conditions="mle-bench")
    assert (found["limits"]["cpus"], found["limits"]["memory_mb"]) == (2, 9000)
    assert conditions_line(found) == (
        "mle-bench, but cpus 2 instead of 36, memory_mb 9,000 instead of 450,560, "
        "gpus 0 instead of 1"
    )


def test_arguments_that_are_given_win_and_are_departures(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_machine(monkeypatch, **LARGE)
    found = settings(
        conditions="mle-bench",
        max_steps=7,
        time_limit=60,
        clock="commands",
        feedback="score",
        limits={"cpus": 0.5, "memory_mb": 512},
    )
    described = conditions_of(found)
    assert described is not None
    assert {name: each["found"] for name, each in described["departures"].items()} == {
        "max_steps": 7,
        "time_limit": 60,
        "clock": "commands",
        "feedback": "score",
        "cpus": 0.5,
        "memory_mb": 512,
        "gpus": 0,
    }


def test_without_conditions_nothing_changes() -> None:
    found = settings()
    assert found["conditions"] == ""
    assert (found["max_steps"], found["limits"]["memory_mb"]) == (50, 2048)
    assert conditions_of(found) is None
    assert conditions_line(found) == ""
    assert conditions_line({}) == ""  # a record of another environment


def test_a_task_may_have_them_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_machine(monkeypatch, **SMALL)
    task = _task(tmp_path)
    found = MLEEnv(str(task)).settings
    assert (found.conditions, found.time_limit, found.limits.memory_mb) == (
        "mle-bench",
        86400,
        9000,
    )
    limited = MLEEnv(str(task), time_limit=60).settings
    assert (limited.conditions, limited.time_limit) == ("mle-bench", 60)


def test_an_evaluation_plans_with_what_the_conditions_ask_for() -> None:
    plan = Plan(
        agents=(AgentEntry(name="baseline", agent="baseline"),),
        tasks=("titanic",),
        environment={"conditions": "mle-bench"},
    ).check()
    (episode,) = plan.episodes
    assert Capacity.of_episode(plan, episode) == Capacity(36, 440 * 1024)


def test_a_record_that_asks_for_them_requires_trust_unless_its_task_does() -> None:
    env = gymnasium.make("mle/titanic-v0", conditions="mle-bench")
    assert risks(json.loads(env.spec.to_json())) == ["its conditions is 'mle-bench'"]


def test_a_client_of_a_server_cannot_ask_for_them() -> None:
    with pytest.raises(ValueError, match="conditions is decided by the server"):
        MLEEnv("titanic", conditions="mle-bench", remote="http://127.0.0.1:1")


def _task(tmp_path: Path) -> Path:
    """A task of one file whose ``task.toml`` names the conditions."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "description.md").write_text("Guess.\n")
    (folder / "rows.csv").write_text("id,x,y\n" + "".join(f"{n},{n},{n % 2}\n" for n in range(40)))
    (folder / "task.toml").write_text(
        'id = "small"\ntitle = "Small"\nkind = "tabular-classification"\n'
        '[data]\nloader = "files"\nref = "rows.csv"\ntarget = "y"\ntest_size = 10\n'
        '[submission]\ncolumns = { id = "int", y = { values = [0, 1] } }\n'
        '[grade]\nmetric = "accuracy"\nworst = 0.0\nbest = 1.0\n'
        '[limits]\nconditions = "mle-bench"\n'
    )
    return folder

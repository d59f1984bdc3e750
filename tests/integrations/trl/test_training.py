"""TRL trains a tiny model on our environments. ``scripts/test-training`` has what this requires."""

from __future__ import annotations

import csv
import gc
import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mle_gym
from mle_gym.env import MLEEnv
from mle_gym.paths import bundled
from mle_gym.tasks.suites import HELD_OUT_FAMILIES
from tests.sandbox.docker_daemon import require

SCRIPT = bundled("agents") / "grpo_trl.py"

pytestmark = [
    pytest.mark.bubblewrap,
    pytest.mark.slow("it trains a language model"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(autouse=True)
def _with_trl() -> None:
    if importlib.util.find_spec("trl") is None:
        require("trl", "TRL is not installed; scripts/test-training installs it")


@pytest.fixture
def script() -> Any:
    """The training script as a module."""
    spec = importlib.util.spec_from_file_location("grpo_trl", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["grpo_trl"] = module
    spec.loader.exec_module(module)
    return module


def test_a_model_made_here_learns_which_calls_lead_to_a_score(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, SCRIPT, "--steps", "15", "--out", out], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    summary = json.loads((out / "summary.json").read_text())
    with (out / "rewards.csv").open() as file:
        rewards = [float(row["reward"]) for row in csv.DictReader(file)]
    assert len(rewards) == 15
    assert summary["last"] > summary["first"] + 0.15, rewards
    episodes = sorted((out / "episodes").glob("leaky-training-*.jsonl"))
    assert len(episodes) == 15 * 16
    verdicts = {mle_gym.verify_trajectory(path).verdict for path in episodes[::8]}
    assert verdicts == {"confirmed"}
    assert mle_gym.health(episodes[-32:]).metrics()["health/failures"] == 0


def trainer(script: Any, tmp_path: Path, log: Any, **arguments: Any) -> Any:
    """A trainer for one update of four rollouts."""
    from mle_gym.integrations.trl import HealthCallback, ParallelToolsTrainer, environment_class

    model, tokenizer = script.tiny_model()
    args = script.Args(steps=1, generations=4, groups=1, turns=2)
    return ParallelToolsTrainer(
        model=model,
        processing_class=tokenizer,
        args=script.config(args, tmp_path),
        train_dataset=script.tiny_dataset(),
        environment_factory=environment_class(log=log, max_steps=3, **arguments),
        callbacks=[HealthCallback(log, least=4, stop=True)],
    )


def test_failures_are_masked_told_and_leave_no_sandbox_behind(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from mle_gym.integrations.trl import EpisodeLog

    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    log = EpisodeLog()
    training = trainer(script, tmp_path, log, reward=f"{__package__}.flaky_reward:reward")
    training.train()
    (logged,) = [row for row in training.state.log_history if "reward" in row]
    assert sorted(log.rewards, key=str) == [0.25, 0.25, None, None]
    assert logged["reward"] == pytest.approx(0.25)  # and not 0.125
    assert math.isclose(logged["health/failures"], 0.5)
    assert logged["health/false_zeros"] == 0
    assert "2 of 4 episodes failed: 2 reward_failed at grade" in caplog.text
    del training
    gc.collect()
    environments = [each for each in gc.get_objects() if isinstance(each, MLEEnv)]
    assert not [each for each in environments if each._episode is not None]


def test_the_tools_schemas_are_ours(script: Any) -> None:
    from transformers.utils import get_json_schema

    from mle_gym.integrations.trl import environment_class

    environment = environment_class(feedback="score")()
    with mle_gym.make("titanic", feedback="score") as env:
        ours = {each["function"]["name"]: each["function"] for each in mle_gym.tool_schemas(env)}
    for name, expected in ours.items():
        found = get_json_schema(getattr(environment, name))["function"]
        assert found["description"] == expected["description"]
        assert found["parameters"].get("required", []) == expected["parameters"]["required"]
        for field, schema in expected["parameters"]["properties"].items():
            theirs = found["parameters"]["properties"][field]
            assert theirs["type"] == schema["type"]
            assert theirs["description"] == schema["description"]
            assert theirs.get("enum") == schema.get("enum")


def test_a_dataset_has_instances_of_a_suite() -> None:
    from mle_gym.integrations.trl import dataset

    rows = dataset("micro", 12, seed=3)
    assert rows.column_names == ["prompt", "task", "variant", "size", "difficulty"]
    assert rows[:] == dataset("micro", 12, seed=3)[:]
    assert not HELD_OUT_FAMILIES & set(rows["task"])
    assert all(row["variant"] > 0 and row["size"] == "micro" for row in rows)
    assert [message["role"] for message in rows[0]["prompt"]] == ["system", "user"]
    classic = dataset("classic", 2)
    assert classic["difficulty"] == [None, None]

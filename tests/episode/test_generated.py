"""Episodes of generated tasks: size and difficulty travel from the arguments to the record."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import gymnasium as gym
import pytest

import mle_gym
from mle_gym.env import MLEEnv
from mle_gym.errors import SnapshotError
from mle_gym.tasks.catalog import register_tasks
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.verify.run_verification import verify_trajectory
from tests.generated_task import GENERATED, TABLES
from tests.task_folders import MakeTask
from tests.trajectories.verify.conftest import Scripted, failures

pytestmark = pytest.mark.bubblewrap
ROWS = "wc -l < data/train.csv"


@pytest.fixture
def family(make_task: MakeTask, clean_registry: None) -> Path:
    folder = make_task(GENERATED, files={"generate.py": TABLES})
    register_tasks(folder)
    return folder


def rows(env: gym.Env) -> int:
    return int(env.step(ROWS)[0]["output"]) - 1


def test_size_and_difficulty_are_those_of_the_arguments_or_of_a_reset(family: Path) -> None:
    with gym.make("mle/fruit-v0", size="micro", difficulty=0.2) as env:
        env.reset(seed=0)
        assert rows(env) == 20
        assert json.loads(env.spec.to_json())["kwargs"]["size"] == "micro"
        ours = env.unwrapped
        assert isinstance(ours, MLEEnv)
        snapshot = ours.snapshot()
        env.reset(options={"size": "small", "difficulty": 1})
        assert rows(env) == 100
        with pytest.raises(ValueError, match="size: no such value 'tiny'"):
            env.reset(options={"size": "tiny"})
        with pytest.raises(SnapshotError, match="size='micro', and the environment 'small'"):
            env.reset(options={"snapshot": snapshot, "size": "small"})
        snapshot.delete()


def test_a_vector_environment_has_a_size_for_each_of_its_environments(family: Path) -> None:
    with contextlib.closing(mle_gym.make_vec("fruit", num_envs=2, size="micro")) as envs:
        envs.reset(seed=1, options=[{"size": "micro"}, {"size": "small", "difficulty": 0.9}])
        observations = envs.step([ROWS, ROWS])[0]
        assert [int(text) - 1 for text in observations["output"]] == [20, 100]


def test_a_record_is_verified_on_the_data_it_was_played_on(family: Path, tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    actions = ("cp data/sample_submission.csv submission.csv && submit",)
    with gym.make("mle/fruit-v0", size="micro", difficulty=0.9, variant=3) as env:
        record = rollout(env, Scripted(actions), path=path)
    settings = record.header["settings"]
    assert (settings["size"], settings["difficulty"]) == ("micro", 0.9)
    result = verify_trajectory(path, task=family)
    assert failures(result) == ""
    assert result.verdict == "confirmed"

"""Failures: what each kind means, and that none of them becomes a reward."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mle_gym.env import MLEEnv
from mle_gym.episode.failures import KINDS, Failure, Stage
from mle_gym.errors import DatasetError, RewardError, SandboxCrashed, SandboxUnavailable, TaskError
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.trajectory import Trajectory
from mle_gym.trajectories.verify.run_verification import verify_trajectory

pytestmark = pytest.mark.bubblewrap
SUBMIT = "cp data/sample_submission.csv submission.csv; submit"


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


ERRORS: dict[str, tuple[Exception, Stage]] = {
    "sandbox_unavailable": (SandboxUnavailable("install it"), "reset"),
    "sandbox_died": (SandboxCrashed("gone"), "step"),
    "sandbox_silent": (SandboxCrashed("no answer", kind="sandbox_silent"), "step"),
    "host_out_of_memory": (MemoryError(), "grade"),
    "server_unavailable": (SandboxCrashed("no answer", kind="server_unavailable"), "step"),
    "host_out_of_disk": (caused(DatasetError("full"), OSError(errno.ENOSPC, "full")), "prepare"),
    "dataset_unavailable": (DatasetError("no data"), "prepare"),
    "dataset_gone": (DatasetError("no data"), "grade"),
    "grader_failed": (TaskError("it raised"), "grade"),
    "grader_unavailable": (SandboxCrashed("gone"), "grade"),
    "task_broken": (TaskError("no such field"), "reset"),
    "reward_failed": (RewardError("it raised"), "grade"),
    "interrupted": (SandboxCrashed("closed", kind="interrupted"), "step"),
    "host_error": (PermissionError("not yours"), "step"),
}


def test_every_kind_has_an_error_that_means_it() -> None:
    assert {kind: Failure.of(*given).kind for kind, given in ERRORS.items()} == {
        kind: kind for kind in KINDS
    }


@pytest.mark.parametrize("kind", KINDS)
def test_no_fault_of_the_grader_becomes_a_reward(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, stage = ERRORS[kind]

    def fail(*_: object) -> Any:
        raise error

    monkeypatch.setattr(PredictionsGrader, "grade", fail)
    env = MLEEnv("zoo", sandbox="bubblewrap")
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(SUBMIT)
    env.close()
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert observation in env.observation_space
    assert not info["reward_valid"]
    assert "grade" not in info
    failure = Failure.from_dict(info["failure"])
    assert failure.to_dict() == info["failure"]
    assert failure.stage == "grade"
    if stage == "grade":
        assert failure.kind == kind


@pytest.mark.slow("it plays whole episodes")
def test_a_failed_episode_is_recorded_and_its_record_is_sound(tmp_path: Path) -> None:
    env = MLEEnv("zoo", sandbox="bubblewrap", reward="milestones")
    path = tmp_path / "failed.jsonl"

    class Breaks:
        def reset(self, observation: Any, info: dict[str, Any]) -> None:
            """Do nothing."""

        def act(self, observation: Any, info: dict[str, Any]) -> str:
            assert env._episode is not None
            env._episode._sandbox.close()
            return "true"

    trajectory = rollout(env, Breaks(), seed=0, path=path)
    env.close()
    read = Trajectory.read(path)
    assert read.failure == trajectory.failure
    assert read.failure is not None
    assert read.steps[-1].info["reward_valid"] is False
    result = verify_trajectory(path)
    assert (result.verdict, read.grade) == ("confirmed", None)
    forged = path.read_text().replace('"reward_valid": false', '"reward_valid": true ')
    (tmp_path / "forged.jsonl").write_text(forged)
    found = str(verify_trajectory(tmp_path / "forged.jsonl"))
    assert "info.reward_valid: expected false, found true" in found


BROKEN_REWARDS = """
def raises(grade): raise KeyError("my bug")
def exits(grade): raise SystemExit(3)
def nothing(grade): return None
def infinite(grade): return float("inf")
"""


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("raises", "broken_rewards.py:2: KeyError: 'my bug'"),
        ("exits", "broken_rewards.py:3: SystemExit: 3"),
        ("nothing", "TypeError"),
        ("infinite", "expected a finite number, found inf"),
    ],
)
def test_a_broken_reward_is_its_callers_and_the_grade_is_kept(
    function: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken_rewards.py").write_text(BROKEN_REWARDS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_rewards", raising=False)

    class Submits:
        def reset(self, observation: Any, info: dict[str, Any]) -> None:
            """Do nothing."""

        def act(self, observation: Any, info: dict[str, Any]) -> str:
            return SUBMIT

    env = MLEEnv("zoo", sandbox="bubblewrap", reward=f"broken_rewards:{function}")
    path = tmp_path / "episode.jsonl"
    trajectory = rollout(env, Submits(), seed=0, path=path)
    env.close()
    failure = trajectory.failure or {}
    assert (failure["kind"], failure["cause"]) == ("reward_failed", "caller")
    assert not failure["retryable"]
    assert f"'broken_rewards:{function}'" in failure["message"]
    assert words in failure["message"]
    assert (trajectory.grade or {})["valid"]
    assert trajectory.steps[-1].info["reward_valid"] is False
    assert trajectory.episode_return == 0
    assert verify_trajectory(path).verdict == "confirmed"


MAKERS: dict[str, Callable[..., gymnasium.vector.VectorEnv[Any, Any, Any]]] = {
    "threads": lambda: gymnasium.make_vec("mle/zoo-v0", num_envs=2),
    "sync": lambda: gymnasium.make_vec("mle/zoo-v0", num_envs=2, vectorization_mode="sync"),
}


@pytest.mark.parametrize("mode", MAKERS)
@pytest.mark.parametrize("broken", [0, 1])
def test_vector_environments_say_which_of_them_failed(mode: str, broken: int) -> None:
    envs = MAKERS[mode]()
    _, infos = envs.reset(seed=0)
    assert infos["reward_valid"].tolist() == [True, True]
    envs.envs[broken].unwrapped._episode._sandbox.close()  # type: ignore[attr-defined]
    *_, infos = envs.step(("true", "true"))
    envs.close()
    assert infos["reward_valid"].tolist() == [i != broken for i in range(2)]
    assert infos["_failure"].tolist() == [i == broken for i in range(2)]
    assert infos["failure"]["stage"][broken] == "step"

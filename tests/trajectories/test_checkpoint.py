"""Episodes that are stopped in their middle, and go on."""

from __future__ import annotations

import os
import pickle
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import mle_gym
from mle_gym.agents import load_agent
from mle_gym.env import MLEEnv
from mle_gym.errors import AgentError, CacheError, TrajectoryError
from mle_gym.trajectories.checkpoint import CheckpointFile
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.spending import spent_in
from mle_gym.trajectories.trajectory import Trajectory
from tests.agents.scripted_model import Failing, says, serving


def runs(command: str) -> dict[str, Any]:
    return says(None, ("bash", {"command": command}))


KEY = Failing(401, {"error": {"message": "no such key"}})
COPY = runs("cp data/sample_submission.csv submission.csv")
SUBMIT = says(None, ("submit", {}))


@pytest.mark.bubblewrap
@pytest.mark.slow("it plays an episode in two parts")
def test_an_episode_goes_on_with_its_files_its_conversation_and_what_was_spent(
    make: Callable[..., MLEEnv], tmp_path: Path
) -> None:
    path, checkpoint = tmp_path / "a.jsonl", tmp_path / "a.checkpoint"

    def play(url: str) -> Trajectory:
        agent = load_agent("react", model="m", base_url=url, token_budget=350)
        return rollout(make(), agent, seed=0, path=path, checkpoint=checkpoint)

    both = says(None, *[("bash", {"command": command}) for command in ("echo one > a", "cat a")])
    with serving(both, COPY, KEY) as model, pytest.raises(AgentError, match="no such key"):
        play(model.url)
    stopped = Trajectory.read(path)
    assert len(stopped.steps) == 3
    assert not stopped.complete
    with serving(runs("cat a"), COPY) as model:
        trajectory = play(model.url)
    assert trajectory.left == "the budget of tokens is spent"  # 220 of 350 were before
    assert trajectory.steps[:3] == stopped.steps
    assert trajectory.steps[3].observation["output"] == "one\n"
    steps_left = [int(step.observation["steps_left"]) for step in trajectory.steps]
    assert steps_left == list(range(49, 49 - len(steps_left), -1))
    left = [float(step.observation["seconds_left"].item()) for step in trajectory.steps]
    assert left == sorted(left, reverse=True)
    times = [step.time for step in trajectory.steps]
    assert times == sorted(times)
    assert [message["role"] for message in model.requests[0]["messages"]] == [
        "system", "user", "assistant", "tool", "tool", "assistant", "tool",
    ]  # fmt: skip
    assert spent_in(trajectory).tokens == 440
    assert Trajectory.read(path).steps == trajectory.steps
    assert mle_gym.verify_trajectory(path).verdict == "confirmed"
    assert not checkpoint.exists()


class Forgetful:
    """Can't say what it knows."""

    def reset(self, observation: Any, info: dict[str, Any]) -> None: ...

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        return "ls"


class Mindful(Forgetful):
    """Knows nothing."""

    def state(self) -> None: ...

    def restore(self, state: Any) -> None: ...


def test_what_can_not_be_kept_is_refused_before_the_episode(
    make: Callable[..., MLEEnv], tmp_path: Path
) -> None:
    path, checkpoint = tmp_path / "a.jsonl", tmp_path / "a.checkpoint"
    with pytest.raises(ValueError, match="Forgetful lacks state or restore"):
        rollout(make(), Forgetful(), path=path, checkpoint=checkpoint)
    with pytest.raises(ValueError, match="requires an MLEEnv"):
        rollout(gym.make("CartPole-v1"), Mindful(), path=path, checkpoint=checkpoint)
    with pytest.raises(ValueError, match="requires a path"):
        rollout(make(), Mindful(), checkpoint=checkpoint)
    assert not list(tmp_path.iterdir())


class Planted:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, int]]:
        return os.open, (str(self.path), os.O_CREAT)


def test_what_somebody_else_wrote_is_not_unpickled(
    make: Callable[..., MLEEnv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, trace = tmp_path / "a.checkpoint", tmp_path / "trace"
    pickle.loads(pickle.dumps(Planted(trace)))
    assert trace.exists()  # reading it as any pickle would run the code
    trace.unlink()
    monkeypatch.setenv("MLE_GYM_CACHE", str(tmp_path / "another's"))
    CheckpointFile(file).save(Planted(trace))  # type: ignore[arg-type]
    monkeypatch.undo()
    for content in (file.read_bytes(), pickle.dumps(Planted(trace)), b"", bytes(40)):
        file.write_bytes(content)
        with pytest.raises(TrajectoryError, match=r"was not written with the cache of this user"):
            rollout(make(), Mindful(), path=tmp_path / "a.jsonl", checkpoint=file)
    assert not trace.exists()
    file.unlink()
    CheckpointFile(file).save(Planted(trace))  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        CheckpointFile(file)
    assert trace.exists()  # the user's own is read


@pytest.mark.parametrize("fault", ["read by others", "empty", "cut", "long", "a link"])
def test_a_key_that_others_could_know_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("MLE_GYM_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "a.checkpoint"
    CheckpointFile(file)
    (key,) = (tmp_path / "cache").glob("keys-*/*")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    if fault == "read by others":  # as after a copy that kept no modes
        key.chmod(0o644)
    elif fault == "a link":
        key.rename(tmp_path / "elsewhere")
        key.symlink_to(tmp_path / "elsewhere")
    else:
        key.write_bytes({"empty": b"", "cut": b"x" * 31, "long": b"x" * 33}[fault])
    with pytest.raises((CacheError, OSError), match=r"keys-\d+/checkpoints"):
        CheckpointFile(file)
    key.unlink()
    CheckpointFile(file)


def test_nothing_is_written_through_a_link_and_no_pipe_is_read(tmp_path: Path) -> None:
    file, victim = tmp_path / "a.checkpoint", tmp_path / "victim"
    victim.write_text("kept")
    for name in ("a.checkpoint.new", f".a.checkpoint.{os.getpid()}"):
        (tmp_path / name).symlink_to(victim)
    CheckpointFile(file).save(Planted(tmp_path / "trace"))  # type: ignore[arg-type]
    assert victim.read_text() == "kept"
    assert file.is_file()
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(TrajectoryError, match="not a regular file"):
        CheckpointFile(file)

"""``gymnasium.make(…, remote="http://…")``: the same environment, played elsewhere."""

from __future__ import annotations

import gc
import json
import os
import pickle
import signal
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

pytest.importorskip("websockets", reason="scripts/test-integrations installs it")

import mle_gym
from mle_gym.env import MLEEnv
from mle_gym.episode import server_connection
from mle_gym.errors import DatasetError, SandboxUnavailable, SnapshotError, TaskError
from tests.integrations.openenv.conftest import WOMEN, RunningServer, eventually

Serve = Callable[..., RunningServer]

pytestmark = pytest.mark.bubblewrap

MEASURED = ("duration", "cpu_seconds", "peak_memory_mb", "queued")


def timeless(value: Any) -> Any:
    """An observation or an info without the clock and what was measured."""
    if isinstance(value, tuple | list):
        return [timeless(each) for each in value]
    if not isinstance(value, dict):
        return value
    left_out = (*MEASURED, "seconds_left")
    return {name: timeless(each) for name, each in value.items() if name not in left_out}


def types_in(value: Any) -> Any:
    """The types of all that is in a value; tuples are written as lists in JSON."""
    if isinstance(value, dict):
        return {name: types_in(each) for name, each in value.items()}
    return [types_in(each) for each in value] if isinstance(value, list | tuple) else type(value)


def test_it_plays_like_the_environment_that_is_here(serve: Serve) -> None:
    played = []
    for remote in (None, serve().url):
        with gymnasium.make(
            "mle/titanic-v0", remote=remote, variant="train", reward="milestones"
        ) as env:
            steps: list[Any] = [env.reset(seed=5)]
            steps += [env.step(each) for each in ("ls data; exit 3", WOMEN, {"tool": "submit"})]
            steps.append(env.reset(options={"variant": 7}))
            steps += [env.step({"no": "tool"}), env.unwrapped.finish()]  # type: ignore[attr-defined]
            played.append(steps)
    here, there = played
    for ours, theirs in zip(here, there, strict=True):
        assert timeless(ours) == timeless(theirs)
        assert types_in(ours) == types_in(theirs)
    assert there[2][1] > 0
    assert there[3][4]["reward_parts"].keys() == {"submission", "anchored"}
    assert there[-1][3] is True


@pytest.mark.slow("the checker plays several episodes")
@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
def test_gymnasiums_checker_finds_nothing(serve: Serve, render_mode: str | None) -> None:
    server = serve()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with gymnasium.make("mle/titanic-v0", remote=server.url, render_mode=render_mode) as env:
            check_env(env.unwrapped, skip_render_check=render_mode is None)
    eventually(lambda: server.count("sessions") == 0)


def test_its_spec_makes_it_again_and_has_no_token(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(token="very secret")
    monkeypatch.setenv(server_connection.TOKEN, "very secret")
    with gymnasium.make("mle/titanic-v0", remote=server.url, max_steps=7) as env:
        assert env.spec is not None
        text = env.spec.to_json()
        assert "secret" not in text
        assert "secret" not in pickle.dumps(env).decode("latin-1")
    with gymnasium.make(EnvSpec.from_json(text)) as again:
        observation, _ = again.reset(seed=0)
        assert observation["steps_left"] == 7
        assert server.count("episodes_playing") == 1


def test_a_wrong_token_is_refused_at_once(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(token="right")
    for token in ("wrong", ""):
        monkeypatch.setenv(server_connection.TOKEN, token)
        with (
            mle_gym.make("titanic", remote=server.url) as env,
            pytest.raises(SandboxUnavailable, match="MLE_GYM_TOKEN"),
        ):
            env.reset(seed=0)
    assert server.count("refused_total", reason="token") == 2


def test_the_budget_ends_an_episode_with_a_truncation_and_a_grade(serve: Serve) -> None:
    with mle_gym.make("titanic", remote=serve().url, max_steps=1) as env:
        env.reset(seed=0)
        _, reward, terminated, truncated, info = env.step(WOMEN)
        assert (terminated, truncated) == (False, True)
        assert reward == info["grade"]["score"] > 0.7
        with pytest.raises(ResetNeeded):
            env.step("ls")


def test_a_failure_of_the_machinery_arrives_as_one(serve: Serve) -> None:
    server = serve()
    with mle_gym.make("titanic", remote=server.url, reward="milestones") as env:
        env.reset(seed=0)
        env.step(WOMEN)
        (playing,) = served()
        playing._episode._sandbox.close()
        observation, reward, terminated, truncated, info = env.step("echo lost")
        assert observation in env.observation_space
        assert (reward, terminated, truncated) == (0.0, False, True)
        assert info["reward_valid"] is False
        assert info["failure"]["kind"] == "interrupted"
        assert info["reward_parts"] == {"submission": 0.0, "anchored": 0.0}
        assert server.count("failures_total", kind="interrupted", cause="caller") == 1
        env.reset(seed=0)
        assert env.step("echo back")[0]["output"] == "back\n"


def served() -> list[Any]:
    """The environments in which a server in this process plays an episode."""
    ours = [each for each in gc.get_objects() if type(each) is MLEEnv]
    return [each for each in ours if each._episode is not None and not each.settings.remote]


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({"tool": "write_file", "path": "x", "content": "a" * (70 << 20)}, "10,485,760 bytes"),
        ({"tool": "bash", "command": object()}, "malformed"),
        ({("a", "b"): 1}, "malformed"),
        (7, "malformed"),
        ("echo \ud800", "malformed"),
        ({"tool": "bash", "command": "echo \x01\x02é模\n" + "# " + "\x01" * (8 << 20)}, "é模"),
    ],
    ids=["too long", "no JSON", "no JSON key", "a number", "a lone surrogate", "all escapes"],
)
def test_whatever_an_agent_sends_is_answered_by_an_observation(
    serve: Serve, action: Any, said: str
) -> None:
    with mle_gym.make("titanic", remote=serve().url) as env:
        env.reset(seed=0)
        observation, *_, info = env.step(action)
        assert said in observation["output"][:300]
        assert info["reward_valid"] is True
        assert env.step("echo on")[0]["output"] == "on\n"


def test_a_running_command_can_be_interrupted(serve: Serve) -> None:
    server = serve()
    with mle_gym.make("titanic", remote=server.url) as env:
        env.reset(seed=0)
        env.step("touch waiting")
        timer = threading.Timer(0.5, env.interrupt)
        timer.start()
        observation, *_ = env.step("echo began; sleep 1000")
        timer.join()
        assert observation["exit_code"] == 130
        assert env.step("ls waiting")[0]["output"] == "waiting\n"


def test_ctrl_c_ends_the_command_and_the_episode_goes_on(serve: Serve) -> None:
    with mle_gym.make("titanic", remote=serve().url) as env:
        env.reset(seed=0)
        threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            env.step("touch before; sleep 1000")
        assert env.step("ls before")[0]["output"] == "before\n"


def test_closing_from_another_thread_ends_the_step_as_interrupted(serve: Serve) -> None:
    server = serve()
    env = mle_gym.make("titanic", remote=server.url)
    env.reset(seed=0)
    threading.Timer(0.5, env.close).start()
    *_, truncated, info = env.step("sleep 1000")
    assert truncated is True
    assert info["failure"]["kind"] == "interrupted"
    eventually(lambda: server.count("episodes_playing") == 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"sandbox": "subprocess"}, "decided by the server"),
        ({"network": True}, "decided by the server"),
        ({"limits": {"memory_mb": 1}}, "mle-gym serve --env limits"),
        ({"reward": "os:system"}, "not known to a server"),
        ({"remote": "127.0.0.1:8765"}, "http://127.0.0.1:8765"),
        ({"remote": "http://me:secret@host"}, "must be the address"),
        ({"remote": 8765}, "must be a string"),
    ],
    ids=str,
)
def test_what_only_the_server_decides_is_refused_here(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mle_gym.make("titanic", **{"remote": "http://127.0.0.1:1", **arguments})


def test_what_a_reset_raises_on_the_server_is_raised_here(serve: Serve) -> None:
    server = serve(tasks=("titanic", "spooky-author-identification"))
    with mle_gym.make("spooky-author-identification", remote=server.url) as env:
        with pytest.raises(DatasetError) as here:
            mle_gym.make("spooky-author-identification").reset(seed=0)
        with pytest.raises(DatasetError) as there:
            env.reset(seed=0)
        assert str(here.value) == str(there.value)
    with (
        mle_gym.make("wine", remote=server.url) as env,
        pytest.raises(ValueError, match="isn't played here"),
    ):
        env.reset(seed=0)


def test_a_task_that_the_server_lacks_is_named(serve: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "only-here"
    source = mle_gym.load_task("titanic").folder
    folder.mkdir()
    for file in source.iterdir():
        if file.is_file():
            text = file.read_bytes().replace(b'id = "titanic"', b'id = "only-here"', 1)
            (folder / file.name).write_bytes(text)
    with (
        mle_gym.make(str(folder), remote=serve().url) as env,
        pytest.raises(TaskError, match="only-here"),
    ):
        env.reset(seed=0)


def test_snapshots_and_forks_are_refused_in_words(serve: Serve) -> None:
    with mle_gym.make("titanic", remote=serve().url) as env, mle_gym.make("titanic") as here:
        env.reset(seed=0)
        here.reset(seed=0)
        for refused in (env.snapshot, env.fork):
            with pytest.raises(SnapshotError, match="remote"):
                refused()
        with pytest.raises(SnapshotError, match="server"):
            env.reset(options={"snapshot": here.snapshot()})


def test_a_vector_environment_plays_on_a_server(serve: Serve) -> None:
    server = serve(sessions=4)
    envs = mle_gym.make_vec("titanic", num_envs=4, remote=server.url, max_steps=2)
    envs.reset(seed=0)
    assert server.count("sessions") == 4
    observations, *_ = envs.step(["echo $((6*7))"] * 4)
    assert observations["output"] == ("42\n",) * 4
    envs.step([WOMEN] * 4)  # the last step of each: the next one resets all of them
    observations, *_ = envs.step(["ls"] * 4)
    assert all("Titanic" in each for each in observations["output"])
    envs.close()
    assert server.count("episodes_total", task="titanic", ending="truncated") == 4


def test_an_agent_plays_and_is_recorded(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "played.jsonl"
    with mle_gym.make("titanic", remote=serve().url) as env:
        trajectory = mle_gym.rollout(env, mle_gym.load_agent("baseline"), seed=0, path=path)
    assert trajectory.episode_return > 0.7
    read = mle_gym.Trajectory.read(path)
    assert read.grade == trajectory.grade
    assert json.loads(json.dumps(read.header["env"]))["kwargs"]["remote"].startswith("http")

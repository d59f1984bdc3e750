"""Who else plays on the same server: OpenEnv's own client, TRL's environments, a command line."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mle_gym
from mle_gym.integrations.trl import EpisodeLog, environment_class
from tests.integrations.documented import run_section
from tests.integrations.openenv.conftest import WOMEN, RunningServer, eventually

Serve = Callable[..., RunningServer]

pytestmark = pytest.mark.bubblewrap


def test_openenvs_own_client_plays(serve: Serve) -> None:
    from openenv import GenericEnvClient

    with GenericEnvClient(base_url=serve().url, message_timeout_s=600).sync() as client:
        begun = client.reset(task="titanic", variant="train", seed=3, reward="anchored")
        assert "Titanic" in begun.observation["output"]
        assert begun.reward is None
        assert client.step({"action": WOMEN}).reward == 0.0
        assert client.state()["task"] == "titanic"
        result = client.step({"tool": "submit"})
        assert result.done is True
        assert result.reward == result.observation["info"]["grade"]["anchored"] > 0
        assert result.observation["terminated"] is True
        assert client.state()["playing"] is False


def test_a_failed_episode_has_no_reward_in_openenvs_protocol(serve: Serve) -> None:
    """Trainers leave None out of a group's mean, and would not a 0."""
    from openenv import GenericEnvClient

    from tests.integrations.openenv.test_remote_environment import served

    with GenericEnvClient(base_url=serve().url, message_timeout_s=600).sync() as client:
        client.reset(task="titanic", seed=0)
        (env,) = served()
        env._episode._sandbox.close()
        result = client.step({"action": "ls"})
        assert (result.done, result.reward) == (True, None)
        assert result.observation["truncated"] is True
        assert result.observation["info"]["failure"]["kind"] == "interrupted"


def test_trl_trains_on_it_through_the_same_class_of_environments(serve: Serve) -> None:
    log = EpisodeLog()
    server = serve()
    kind: Any = environment_class(tools="claude", log=log, remote=server.url, reward="score")
    rollouts = [kind() for _ in range(4)]
    row = {"prompt": [], "task": "titanic", "variant": 1, "size": None, "difficulty": None}
    assert all("Titanic" in rollout.reset(**row) for rollout in rollouts)
    assert server.count("episodes_playing") == 4
    for rollout in rollouts[:3]:
        assert "seconds left]" in rollout.bash(command=WOMEN)
    server.stop()
    rollouts[3].bash(command="ls")
    server.start()
    assert [rollout.get_reward() for rollout in rollouts] == [None] * 4
    assert all("Titanic" in rollout.reset(**row) for rollout in rollouts)
    for rollout in rollouts:
        rollout.bash(command=WOMEN)
    rewards = [rollout.get_reward() for rollout in rollouts]
    assert rewards[0] > 0.7
    assert len(set(rewards)) == 1
    assert [episode.episode_return for episode in log.episodes[-4:]] == rewards


def test_the_command_line_serves_until_it_is_ended(tmp_path: Path) -> None:
    from openenv import GenericEnvClient

    program = [sys.executable, "-m", "mle_gym", "serve", "titanic", "--port", "18765"]
    environment = {**os.environ, "MLE_GYM_TOKEN": "secret"}
    with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert "titanic on http://127.0.0.1:18765" in server.stdout.readline()

            async def play() -> dict[str, Any]:
                headers = {"Authorization": "Bearer secret"}
                url = "http://127.0.0.1:18765"
                for _ in range(3000):
                    try:
                        async with GenericEnvClient(
                            base_url=url, headers=headers, message_timeout_s=600
                        ) as client:
                            return (await client.reset()).observation
                    except ConnectionError:
                        await asyncio.sleep(0.1)
                raise AssertionError("it never listened")

            assert "Titanic" in asyncio.run(play())["output"]
        finally:
            server.send_signal(signal.SIGTERM)
        server.wait(60)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "MLE_GYM_TOKEN"),
        (["--env", "no_such=1"], "no_such"),
        (["no-such-task"], "no-such-task"),
    ],
)
def test_a_server_that_cannot_be_is_refused_in_words(words: list[str], said: str) -> None:
    program = [sys.executable, "-m", "mle_gym", "serve", *words]
    environment = {name: value for name, value in os.environ.items() if name != "MLE_GYM_TOKEN"}
    done = subprocess.run(program, env=environment, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr


def test_the_section_of_the_documents_works() -> None:
    run_section("OpenEnv")


def test_what_is_played_can_be_recorded_and_verified_on_the_server(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve(folder=tmp_path)
    with mle_gym.make("titanic", remote=server.url, variant=3) as env:
        for last in (lambda: env.step("submit"), env.finish, env.close):
            env.reset(seed=0)
            env.step(WOMEN)
            last()
    eventually(lambda: server.count("sessions") == 0)
    records = [mle_gym.Trajectory.read(path) for path in tmp_path.glob("titanic-3-*.jsonl")]
    left = [(record.footer or {})["left"] for record in records]
    assert sorted(map(str, left)) == ["None", "the client finished", "the client left"]
    (complete,) = (path for path in tmp_path.iterdir() if '"left": null' in path.read_text())
    assert mle_gym.verify_trajectory(complete).verdict == "confirmed"

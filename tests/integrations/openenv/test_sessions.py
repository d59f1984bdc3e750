"""Sessions of a server: many, limited, idle, cut off, and of clients that mean no good."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest

pytest.importorskip("websockets", reason="scripts/test-integrations installs it")

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import mle_gym
from mle_gym.episode import server_connection
from mle_gym.errors import SandboxUnavailable
from tests.integrations.openenv.conftest import WOMEN, RunningServer, eventually

Serve = Callable[..., RunningServer]

pytestmark = pytest.mark.bubblewrap


def dial(server: RunningServer, path: str = "/ws", **more: Any) -> ClientConnection:
    """A connection on which anything can be sent."""
    return connect(f"ws://127.0.0.1:{server.port}{path}", proxy=None, close_timeout=1, **more)


def ask(client: ClientConnection, kind: str, **data: Any) -> dict[str, Any]:
    """The reply to a message."""
    client.send(json.dumps({"type": kind, "data": data}))
    reply: dict[str, Any] = json.loads(client.recv(600))
    return reply


def code_of_the_end(client: ClientConnection) -> int | None:
    """Why the server closed the connection, once it has."""
    while True:
        try:
            client.recv(600)
        except ConnectionClosed as closed:
            return closed.rcvd and closed.rcvd.code


def is_running(command: str) -> bool:
    """Whether a process of this machine runs a command, in a sandbox or not."""
    lines = [each.info["cmdline"] or [] for each in psutil.process_iter(["cmdline"])]
    return command.split() in lines


def read(server: RunningServer, path: str, **headers: str) -> str:
    with urlopen(Request(server.url + path, headers=headers)) as answer:
        return str(answer.read().decode())


@pytest.mark.slow("a hundred episodes, with a sandbox each")
def test_a_hundred_sessions_play_at_the_same_time(serve: Serve) -> None:
    server = serve(sessions=100)
    everybody_plays = threading.Barrier(100)

    def play(number: int) -> tuple[str, float]:
        with mle_gym.make("titanic", remote=server.url) as env:
            env.reset(seed=number)
            env.step(f"echo {number} > mine.txt")
            everybody_plays.wait(1800)
            assert server.count("episodes_playing") == 100
            everybody_plays.wait(1800)
            text = env.step("cat mine.txt; ls *.txt")[0]["output"]
            env.step(WOMEN)
            return text, env.step("submit")[1]

    with ThreadPoolExecutor(100) as threads:
        played = list(threads.map(play, range(100)))
    assert [text for text, _ in played] == [f"{number}\nmine.txt\n" for number in range(100)]
    assert {reward for _, reward in played} == {played[0][1]}
    assert server.count("episodes_total", task="titanic", ending="submitted") == 100
    eventually(lambda: server.count("sessions") == 0)


def test_a_full_server_is_waited_for_and_then_given_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(sessions=1)
    with (
        mle_gym.make("titanic", remote=server.url) as first,
        mle_gym.make("titanic", remote=server.url) as second,
    ):
        first.reset(seed=0)
        with monkeypatch.context() as patch:
            patch.setattr(server_connection, "PATIENCE", 0.2)
            with pytest.raises(SandboxUnavailable, match="capacity"):
                second.reset(seed=0)
        threading.Timer(0.3, first.close).start()
        second.reset(seed=0)
        assert second.step("echo in")[0]["output"] == "in\n"


def test_a_silent_client_loses_its_session_and_a_busy_one_does_not(serve: Serve) -> None:
    server = serve(idle=0.5)
    with mle_gym.make("titanic", remote=server.url) as env:
        env.reset(seed=0)
        assert env.step("sleep 1.5; echo done")[0]["output"] == "done\n"
        eventually(lambda: server.count("episodes_playing") == 0)
        eventually(lambda: server.count("sessions_lost_total", reason="idle") == 1)
        *_, info = env.step("ls")
        assert info["failure"]["kind"] == "server_unavailable"
        assert "nothing was sent for 0.5 s" in info["failure"]["message"]


def test_a_connection_that_is_cut_ends_its_command_and_frees_its_sandbox(serve: Serve) -> None:
    server = serve()
    with dial(server) as client:
        ask(client, "reset", task="titanic", seed=0)
        client.send(json.dumps({"type": "step", "data": {"action": "sleep 7777"}}))
        eventually(lambda: is_running("sleep 7777"))
        client.socket.shutdown(socket.SHUT_RDWR)
    eventually(lambda: not is_running("sleep 7777"))
    eventually(lambda: server.count("sessions") == 0)
    assert server.count("episodes_playing") == 0
    eventually(lambda: server.count("sessions_lost_total", reason="cut") == 1)
    assert server.count("episodes_total", task="titanic", ending="abandoned") == 1


def test_a_server_that_starts_again_ends_episodes_as_failed_and_plays_the_next(
    serve: Serve,
) -> None:
    server = serve()
    with mle_gym.make("titanic", remote=server.url) as env:
        env.reset(seed=0)
        stopping = threading.Timer(0.5, server.stop)
        stopping.start()
        observation, reward, terminated, truncated, info = env.step("sleep 1000")
        assert observation in env.observation_space
        assert (reward, terminated, truncated) == (0.0, False, True)
        failure = info["failure"]
        assert (failure["kind"], failure["retryable"]) == ("server_unavailable", True)
        assert info["reward_valid"] is False
        stopping.join()
        threading.Timer(0.5, server.start).start()
        env.reset(seed=0)
        assert env.step("echo again")[0]["output"] == "again\n"


def test_a_server_that_is_nowhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_connection, "PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with (
        mle_gym.make("titanic", remote=f"http://127.0.0.1:{port}") as env,
        pytest.raises(SandboxUnavailable, match=f"127.0.0.1:{port}"),
    ):
        env.reset(seed=0)


@pytest.mark.parametrize(
    "message",
    [
        "no JSON",
        "[]",
        "7",
        "null",
        '{"type": "reset", "data": 7}',
        '{"type": "reset", "data": {"task": ["titanic"]}}',
        '{"type": "reset", "data": {"task": "/etc"}}',
        '{"type": "reset", "data": {"task": "mle/../../etc-v0"}}',
        '{"type": "reset", "data": {"task": "titanic", "seed": -1}}',
        '{"type": "reset", "data": {"task": "titanic", "seed": "x"}}',
        '{"type": "reset", "data": {"task": "titanic", "reward": "os:system"}}',
        '{"type": "reset", "data": {"task": "titanic", "sandbox": "subprocess"}}',
        '{"type": "reset", "data": {"task": "titanic", "remote": "http://127.0.0.1:1"}}',
        '{"type": "reset", "data": {"task": "titanic", "render_mode": "human"}}',
        '{"type": "reset", "data": {"task": "titanic", "variant": 1e308}}',
        '{"type": "reset", "data": {"task": "titanic", "no_such": 1}}',
        '{"type": "step"}',
        '{"type": "step", "data": {}}',
        '{"type": "step", "data": {"action": "ls"}}',
        '{"type": "step", "data": {"action": "ls", "finish": "perhaps"}}',
        '{"type": "step", "data": {"action": "ls", "metadata": 7}}',
        '{"type": "mcp", "data": {"method": "tools/call", "params": {"name": "bash"}}}',
        '{"type": "state", "data": "\ud83d"}',
        '{"type": "no such type"}',
        "[" * 100_000,
        '{"type": "reset", "data": ' + '{"a":' * 5_000 + "1" + "}" * 5_001,
        b"\x00\xff",
    ],
    ids=lambda message: str(message)[:70],
)
def test_a_hostile_message_starts_nothing_and_harms_nobody_else(
    serve: Serve, message: str | bytes
) -> None:
    server = serve()
    with dial(server) as hostile, dial(server) as other:
        ask(other, "reset", task="titanic", seed=0)
        try:
            hostile.send(message)
            reply = json.loads(hostile.recv(600))
        except (ConnectionClosed, UnicodeEncodeError):
            reply = {"type": "error"}
        assert reply["type"] in ("error", "mcp")
        assert server.count("episodes_playing") == 1
        assert ask(other, "step", action="echo fine")["data"]["observation"]["output"] == "fine\n"
    eventually(lambda: server.count("sessions") == 0)


def test_an_action_that_is_none_is_an_observation_and_not_an_error(serve: Serve) -> None:
    with dial(serve()) as client:
        ask(client, "reset", task="titanic", seed=0)
        for action in ({"action": None}, {"action": [1]}, {"tool": 7}, {"tool": "bash"}):
            reply = ask(client, "step", **action)
            assert reply["type"] == "observation"
            assert reply["data"]["observation"]["exit_code"] == 2
        reply = ask(client, "step", tool="bash", command="echo its own call")
        assert reply["data"]["observation"]["output"] == "its own call\n"


def test_who_floods_the_server_is_shown_the_door(serve: Serve) -> None:
    server = serve()
    with dial(server) as client:
        ask(client, "reset", task="titanic", seed=0)
        with contextlib.suppress(ConnectionClosed):
            for _ in range(1000):
                client.send(json.dumps({"type": "step", "data": {"action": "sleep 1000"}}))
        # The server doesn't read the rest, so its last words may not arrive.
        assert code_of_the_end(client) in (1008, None)
    eventually(lambda: server.count("sessions") == 0)
    eventually(lambda: server.count("sessions_lost_total", reason="flood") == 1)


def test_a_message_that_is_too_large_costs_its_client_the_session(serve: Serve) -> None:
    server = serve()
    with dial(server) as client:
        with contextlib.suppress(ConnectionClosed):
            client.send("x" * (server_connection.MOST_BYTES + 1))
        # The server doesn't read the rest, so its last words may not arrive.
        assert code_of_the_end(client) in (1009, None)
    eventually(lambda: server.count("sessions") == 0)


def test_without_a_token_no_web_page_may_play(serve: Serve) -> None:
    server = serve()
    with pytest.raises(InvalidStatus) as refused:
        dial(server, origin="https://evil.example")
    assert refused.value.response.status_code == 403
    with pytest.raises(HTTPError, match="403"):
        read(server, "/metrics", Origin="https://evil.example")


def test_a_token_guards_everything_but_the_health(serve: Serve) -> None:
    server = serve(token="right")
    assert json.loads(read(server, "/health")) == {"status": "healthy"}
    for path in ("/metrics", "/schema", "/metadata", "/docs"):
        with pytest.raises(HTTPError, match="401"):
            read(server, path)
        assert read(server, path, Authorization="Bearer right")
    for header in ("Bearer wrong", "right", ""):
        with pytest.raises(InvalidStatus):
            dial(server, additional_headers={"Authorization": header})


@pytest.mark.parametrize("path", ["/mcp", "/harness", "/web", "/ws/../mcp"])
def test_there_is_one_way_to_play(serve: Serve, path: str) -> None:
    server = serve()
    with pytest.raises(InvalidStatus):
        dial(server, path)
    for other in ("/reset", "/step", "/state", "/mcp"):
        with pytest.raises(HTTPError, match=r"404|405"):
            read(server, other)


def test_figures_are_in_the_form_that_prometheus_reads(serve: Serve) -> None:
    server = serve()
    with mle_gym.make("titanic", remote=server.url) as env:
        env.reset(seed=0)
        env.step(WOMEN)
        env.step("submit")
    text = read(server, "/metrics")
    assert 'mle_gym_episodes_total{ending="submitted",task="titanic"} 1.0' in text
    assert "mle_gym_step_seconds_count 2.0" in text
    assert "mle_gym_reset_seconds_count 1.0" in text

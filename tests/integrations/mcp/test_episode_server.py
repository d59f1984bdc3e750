"""An episode over the Model Context Protocol, with the SDK's own client."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import pytest

import mle_gym
from mle_gym.env import MLEEnv
from tests.integrations.documented import run_section
from tests.sandbox.docker_daemon import require

MakeEnv = Callable[..., MLEEnv]

pytestmark = pytest.mark.bubblewrap

WOMEN = """awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; print "PassengerId,survived" }
NR > 1 { print $c["PassengerId"] "," (/,female,/ ? 1 : 0) }' data/test.csv > submission.csv"""


@pytest.fixture(autouse=True)
def _with_mcp() -> None:
    if find_spec("mcp") is None:
        require("mcp", "the MCP SDK is not installed; scripts/test-integrations installs it")


def run(play: Callable[[], Any]) -> None:
    """Run a test's coroutine, which takes minutes on a busy machine."""

    async def limited() -> None:
        with anyio.fail_after(600):
            await play()

    anyio.run(limited)


@asynccontextmanager
async def connected(env: MLEEnv, path: Path | None = None, **more: Any) -> AsyncIterator[Any]:
    """A client in this process of a server that plays an episode of an environment."""
    from mcp import Client

    from mle_gym.integrations.mcp import EpisodeSession, make_server

    session = EpisodeSession(env, path)
    async with Client(make_server(session, **more)) as client:
        yield client
    session.close()


def text(result: Any) -> str:
    (content,) = result.content
    return str(content.text)


@pytest.mark.parametrize("tools", ["claude", "openai", "bash", "mle"])
@pytest.mark.parametrize("feedback", ["none", "score"])
def test_the_tools_are_those_of_every_other_model(make: MakeEnv, tools: Any, feedback: Any) -> None:
    env = make(feedback=feedback)

    async def play() -> None:
        async with connected(env, tools=tools) as client:
            listed = (await client.list_tools()).tools
            found = [(tool.name, tool.description, tool.input_schema) for tool in listed]
        ours = [each["function"] for each in mle_gym.tool_schemas(env, tools)]
        assert found[0][0] == "brief"
        assert found[1:] == [(f["name"], f["description"], f["parameters"]) for f in ours]

    run(play)


def test_an_episode_is_played_and_recorded(make: MakeEnv, tmp_path: Path) -> None:
    path = tmp_path / "played.jsonl"
    env = make()

    async def play() -> None:
        async with connected(env, path) as client:
            assert "brief" in client.instructions
            assert env.record is None  # it hasn't begun, and no clock runs
            assert "Titanic" in text(await client.call_tool("brief"))
            written = await client.call_tool("bash", {"command": WOMEN})
            assert "steps and" in text(written)
            assert written.is_error is False
            done = await client.call_tool("submit", {})
            step = done.meta["mle-gym/step"]
            assert step["terminated"] is True
            assert step["reward"] == step["info"]["grade"]["score"] > 0.7
            again = await client.call_tool("bash", {"command": "ls"})
            assert again.is_error is True
            assert "over" in text(again)

    run(play)
    trajectory = mle_gym.Trajectory.read(path)
    assert trajectory.header["agent"] == "mcp"
    assert len(trajectory.steps) == 2
    assert trajectory.grade is not None
    assert mle_gym.verify_trajectory(path).verdict == "confirmed"


def test_who_leaves_early_leaves_a_complete_record(make: MakeEnv, tmp_path: Path) -> None:
    path = tmp_path / "left.jsonl"

    async def play() -> None:
        async with connected(make(), path) as client:
            await client.call_tool("bash", {"command": "ls"})

    run(play)
    trajectory = mle_gym.Trajectory.read(path)
    assert trajectory.footer is not None
    assert trajectory.footer["left"] == "the client left"


@pytest.mark.parametrize(
    "call",
    [
        ("bash", {}),
        ("bash", {"command": 7}),
        ("bash", {"command": "ls", "timeout": "soon"}),
        ("str_replace_based_edit_tool", {"command": "create", "path": "x"}),
        ("python", {"code": None}),
    ],
    ids=str,
)
def test_a_models_mistake_is_an_observation_that_costs_a_step(
    make: MakeEnv, call: tuple[str, dict[str, Any]]
) -> None:
    async def play() -> None:
        async with connected(make(max_steps=10)) as client:
            result = await client.call_tool(*call)
            assert result.is_error is False
            assert "malformed" in text(result)
            assert "[9 steps" in text(result)

    run(play)


def test_what_a_command_prints_is_reported_while_it_runs_and_cancelling_ends_it(
    make: MakeEnv, tmp_path: Path
) -> None:
    env = make()

    async def play() -> None:
        reports: list[tuple[float, str | None]] = []
        async with connected(env, tmp_path / "cancelled.jsonl") as client:
            with anyio.CancelScope() as scope:

                async def reported(
                    seconds: float, total: float | None, message: str | None
                ) -> None:
                    reports.append((seconds, message))
                    if message == "epoch 1":
                        scope.cancel()

                command = "touch before; echo epoch 1; sleep 1000"
                await client.call_tool("bash", {"command": command}, progress_callback=reported)
            assert scope.cancelled_caught
            assert reports[-1][1] == "epoch 1"
            assert [seconds for seconds, _ in reports] == sorted({s for s, _ in reports})
            after = await client.call_tool(
                "bash", {"command": "ls before; pgrep sleep || echo ended"}
            )
            assert text(after).startswith("before\nended\n")

    run(play)
    steps = mle_gym.Trajectory.read(tmp_path / "cancelled.jsonl").steps
    assert [step.observation["exit_code"] for step in steps] == [130, 0]


def test_a_call_that_waits_is_cancelled_without_harm_to_the_one_that_runs(make: MakeEnv) -> None:
    async def play() -> None:
        results: list[str] = []
        async with connected(make()) as client:
            started = anyio.Event()

            async def first(seconds: float, total: float | None, message: str | None) -> None:
                started.set()

            async def long() -> None:
                call = client.call_tool(
                    "bash", {"command": "sleep 4; echo done"}, progress_callback=first
                )
                results.append(text(await call))

            async with anyio.create_task_group() as tasks:
                await client.call_tool("brief")
                tasks.start_soon(long)
                await started.wait()
                with anyio.move_on_after(0.5) as waited:
                    await client.call_tool("bash", {"command": "touch never"})
                assert waited.cancelled_caught
            assert results[0].startswith("done\n")
            after = await client.call_tool("bash", {"command": "ls never"})
            assert "No such file" in text(after)

    run(play)


def test_the_brief_and_the_files_are_resources(make: MakeEnv) -> None:
    async def play() -> None:
        async with connected(make(max_steps=10)) as client:
            listed = [str(each.uri) for each in (await client.list_resources()).resources]
            assert listed == ["mle://brief"]
            brief = (await client.read_resource("mle://brief")).contents[0].text
            assert brief == text(await client.call_tool("brief"))
            listed = [str(each.uri) for each in (await client.list_resources()).resources]
            assert "mle://files/data/train.csv" in listed
            train = (await client.read_resource("mle://files/data/train.csv")).contents[0].text
            assert train.startswith("PassengerId,")
            await client.call_tool("bash", {"command": "echo mine > notes.txt"})
            notes = (await client.read_resource("mle://files/notes.txt")).contents[0].text
            assert notes == "mine\n"
            for path in ("no/such.txt", "..%2F..%2Fetc%2Fshadow"):
                with pytest.raises(Exception, match=r"such|file"):
                    await client.read_resource(f"mle://files/{path}")
            prompt = await client.get_prompt("solve")
            assert prompt.messages[0].content.text == brief

    run(play)


def test_a_failure_of_the_machinery_is_an_error_and_has_no_reward(make: MakeEnv) -> None:
    env: Any = make()

    async def play() -> None:
        async with connected(env) as client:
            await client.call_tool("brief")
            env._episode._sandbox.close()
            result = await client.call_tool("bash", {"command": "ls"})
            assert result.is_error is True
            assert "doesn't count" in text(result)
            step = result.meta["mle-gym/step"]
            assert step["reward"] is None
            assert step["info"]["failure"]["kind"] == "interrupted"

    run(play)


def test_an_episode_that_cannot_begin_says_why(make: MakeEnv) -> None:
    async def play() -> None:
        async with connected(make("spooky-author-identification")) as client:
            for tool in ("brief", "bash"):
                result = await client.call_tool(tool, {})
                assert result.is_error is True
                assert "mle-gym prepare" in text(result)

    run(play)


def test_a_client_starts_the_command_and_talks_with_it_over_stdio(tmp_path: Path) -> None:
    from mcp import Client, StdioServerParameters

    path = tmp_path / "played.jsonl"
    words = ["-m", "mle_gym", "mcp", "titanic", "--out", str(path), "--env", "max_steps=5"]

    async def play() -> None:
        server = StdioServerParameters(command=sys.executable, args=words)
        async with Client(server) as client:
            assert "Titanic" in text(await client.call_tool("brief"))
            # A program that reads its input must not get what the client says.
            read = await client.call_tool("bash", {"command": "cat; echo read"})
            assert text(read).startswith("read\n[4 steps")
            await client.call_tool("bash", {"command": WOMEN})
            done = await client.call_tool("submit", {})
            assert done.meta["mle-gym/step"]["reward"] > 0.7

    run(play)
    assert mle_gym.Trajectory.read(path).episode_return > 0.7


def test_the_section_of_the_documents_works() -> None:
    run_section("MCP")

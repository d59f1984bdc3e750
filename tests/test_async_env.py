"""Environments in asyncio: awaited calls, and cancellations that free the sandbox."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gymnasium
import pytest
from gymnasium.error import ResetNeeded

import mle_gym
from mle_gym.wrappers import AsyncMLEEnv, CommandMenu
from tests.sandbox.conftest import eventually, sleepers

pytestmark = pytest.mark.bubblewrap
SUBMIT = "cp data/sample_submission.csv submission.csv; submit"


def made(pool: ThreadPoolExecutor | None = None, **arguments: Any) -> AsyncMLEEnv:
    env = mle_gym.make("zoo", sandbox="bubblewrap", clock="commands", **arguments)
    return AsyncMLEEnv(env, pool)


async def started(call: Coroutine[Any, Any, Any], marker: str) -> asyncio.Task[Any]:
    """A task whose command sleeps for so many seconds already."""
    task = asyncio.create_task(call)
    assert await asyncio.to_thread(eventually, lambda: len(sleepers(marker)) == 1)
    return task


def unique_seconds() -> str:
    return f"866025{uuid.uuid4().int % 10**9}"


def test_an_episode_is_awaited() -> None:
    async def play() -> None:
        async with made() as env:
            observation, info = await env.reset(seed=0, options={"variant": 3})
            assert observation["output"].startswith("# Zoo")
            assert info["variant"] == 3
            *_, terminated, _, info = await env.step(SUBMIT)
            assert terminated
            assert info["grade"]["valid"]
            with pytest.raises(ResetNeeded):
                await env.step("true")

    asyncio.run(play())


def test_a_cancelled_step_frees_its_sandbox_and_the_next_reset_starts_another() -> None:
    async def play() -> None:
        async with made() as env:
            await env.reset(seed=0)
            marker = unique_seconds()
            task = await started(env.step(f"touch here; sleep {marker}"), marker)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(eventually, lambda: not sleepers(marker))
            with pytest.raises(ResetNeeded):
                await env.step("true")
            await env.reset(seed=0)
            assert (await env.step("ls"))[0]["output"] == "data\n"

    asyncio.run(play())


def test_a_cancelled_reset_leaves_no_episode() -> None:
    async def play() -> None:
        with ThreadPoolExecutor(1) as pool:
            async with made(pool) as env, made(pool) as other:
                await other.reset(seed=0)
                marker = unique_seconds()
                busy = await started(other.step(f"sleep {marker}"), marker)
                waiting = asyncio.create_task(env.reset(seed=0))
                await asyncio.sleep(0)
                waiting.cancel()
                busy.cancel()
                await asyncio.gather(waiting, busy, return_exceptions=True)
                with pytest.raises(ResetNeeded):
                    await env.step("true")

    asyncio.run(play())


def test_more_sessions_than_threads_take_turns() -> None:
    async def play() -> list[str]:
        with ThreadPoolExecutor(2) as pool:
            envs = [made(pool) for _ in range(5)]
            await asyncio.gather(*(env.reset(seed=0) for env in envs))
            outcomes = await asyncio.gather(*(env.step(f"echo {i}") for i, env in enumerate(envs)))
            await asyncio.gather(*(env.close() for env in envs))
            return [outcome[0]["output"] for outcome in outcomes]

    assert asyncio.run(play()) == [f"{i}\n" for i in range(5)]


def test_closing_ends_the_step_of_another_task() -> None:
    async def play() -> None:
        env = made()
        await env.reset(seed=0)
        marker = unique_seconds()
        task = await started(env.step(f"sleep {marker}"), marker)
        await env.close()
        *_, truncated, info = await task
        assert truncated
        assert info["failure"]["kind"] == "interrupted"
        await env.close()

    asyncio.run(play())


def test_an_interrupted_command_ends_and_the_episode_goes_on() -> None:
    async def play() -> None:
        async with made() as env:
            await env.reset(seed=0)
            marker = unique_seconds()
            task = await started(env.step(f"sleep {marker}"), marker)
            env.interrupt()
            assert (await task)[0]["exit_code"] == 130
            with await env.call("snapshot") as snapshot:
                await env.reset(options={"snapshot": snapshot})
            assert (await env.call("finish"))[3] is True

    asyncio.run(play())


def test_wrappers_keep_their_meaning_and_other_environments_are_refused() -> None:
    async def play() -> None:
        menu = CommandMenu(mle_gym.make("zoo", sandbox="bubblewrap"), ["echo one"])
        async with AsyncMLEEnv(menu) as env:
            await env.reset(seed=0)
            assert (await env.step(0))[0]["output"] == "one\n"

    asyncio.run(play())
    with pytest.raises(TypeError, match="requires an MLEEnv"):
        AsyncMLEEnv(gymnasium.make("CartPole-v1"))

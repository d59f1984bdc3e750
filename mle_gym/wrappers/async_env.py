"""An environment for ``asyncio``: its calls are awaited, and cancelling one ends its episode."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from functools import cache, partial
from typing import Any, Self

import gymnasium

from mle_gym.env import MLEEnv

__all__ = ["AsyncMLEEnv"]

_CALLS = 32
"""Calls that run at the same time unless the caller says otherwise. It is more than the commands
that run at the same time, so that actions on files don't wait for long commands."""


class AsyncMLEEnv:
    """An environment whose ``reset`` and ``step`` are coroutines.

    >>> async with AsyncMLEEnv(mle_gym.make("titanic", clock="commands")) as env:
    ...     observation, info = await env.reset(seed=0)
    ...     observation, reward, terminated, truncated, info = await env.step("ls data")

    Calls run in the threads of a pool, and wait there for one another. Any number of environments
    may share it, so a thousand sessions need no thousand threads. ``clock="commands"`` keeps this
    wait off the agent's clock, and the model's thinking too.

    If a task is cancelled that awaits a call (also by ``asyncio.timeout``), the call raises
    ``CancelledError`` at once, its command is ended, and the episode is over: its sandbox is freed
    in the background. The next ``reset`` starts another. Calls of one environment run one after the
    other.

    Args:
        env: The environment, in its wrappers if it has any.
        pool: Whose threads make the calls; by default one of 32 threads that all share.

    Raises:
        TypeError: There is no :class:`~mle_gym.env.MLEEnv` inside the wrappers.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], pool: Executor | None = None) -> None:
        inner = env.unwrapped
        if not isinstance(inner, MLEEnv):
            raise TypeError(f"AsyncMLEEnv requires an MLEEnv, or wrappers around one, not {env!r}")
        self.env = env
        self._inner = inner
        self._pool = pool
        self._turn = asyncio.Lock()
        self._running: Future[Any] | None = None
        """The last call, which may be over."""
        self._ending: Future[None] | None = None
        """The end of the episode of a cancelled call, which the next call has to wait for."""

    async def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, as :meth:`MLEEnv.reset` does, which also says what this raises."""
        opening: tuple[Any, dict[str, Any]] = await self._call(
            partial(self.env.reset, seed=seed, options=options)
        )
        return opening

    async def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Perform an action, as :meth:`MLEEnv.step` does, which also says what this raises."""
        outcome: tuple[Any, float, bool, bool, dict[str, Any]] = await self._call(
            partial(self.env.step, action)
        )
        return outcome

    async def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call another method, such as ``"finish"`` or ``"snapshot"``."""
        return await self._call(partial(self.env.get_wrapper_attr(name), *args, **kwargs))

    def interrupt(self) -> None:
        """End the running command (exit code 130). The episode goes on."""
        self._inner.interrupt()

    async def close(self) -> None:
        """End the episode, and wait until its sandbox is gone. Idempotent.

        A call of another task ends at once, with the failure ``interrupted``. A task that is
        cancelled here doesn't wait any longer, and the end goes on in the background.
        """
        ended = _in_thread(partial(_end, self.env.close, self._running))
        for each in (self._ending, ended):
            if each is not None:
                await _settled(each)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _call(self, function: Callable[[], Any]) -> Any:
        """Make a call in the pool. If it is cancelled, the episode ends."""
        async with self._turn:
            if self._ending is not None:
                await _settled(self._ending)
                self._ending = None
            call = self._running = (self._pool or _shared_pool()).submit(function)
            try:
                return await asyncio.wrap_future(call)
            except asyncio.CancelledError:
                self._ending = _in_thread(partial(_end, self._inner.close, call))
                raise


@cache
def _shared_pool() -> Executor:
    return ThreadPoolExecutor(_CALLS, thread_name_prefix="mle-gym-async")


def _end(close: Callable[[], None], call: Future[Any] | None) -> None:
    """End an episode, and the one that a call may be about to start."""
    running = call is not None and not call.done()
    close()
    if call is not None and running:
        wait([call])
        close()


def _in_thread(function: Callable[[], None]) -> Future[None]:
    """Call a function in a thread of its own.

    The pool's threads may all be busy with the very commands that are to be ended.
    """
    done: Future[None] = Future()

    def run() -> None:
        try:
            function()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    threading.Thread(target=run, name="mle-gym-async-end").start()
    return done


async def _settled(future: Future[None]) -> None:
    """Wait for it. Cancelling the wait does not cancel it."""
    await asyncio.shield(asyncio.wrap_future(future))

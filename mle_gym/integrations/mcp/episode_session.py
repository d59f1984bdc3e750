"""The episode that the client of a server plays: it begins when the client first asks for it."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from anyio.to_thread import run_sync

from mle_gym.env import MLEEnv
from mle_gym.episode.live_output import LiveOutput
from mle_gym.episode.outcome import Outcome
from mle_gym.errors import MleGymError
from mle_gym.trajectories.episode_recorder import EpisodeRecorder
from mle_gym.trajectories.trajectory import TrajectoryWriter

__all__ = ["EpisodeSession", "OnProgress"]

OnProgress = Callable[[float, str], Awaitable[None]]
"""Is awaited with the seconds for which an action runs, and the line that it printed last."""

_OFTEN = 1.0
"""Seconds between two reports."""


@dataclass
class _Call:
    """An action on its way."""

    action: dict[str, Any]
    off: bool = False
    done: bool = False
    outcome: Outcome | None = None
    error: MleGymError | None = None


class EpisodeSession:
    """One episode of an environment, played by calls that may come from several tasks.

    Args:
        env: Is closed by its owner.
        path: Where the episode is recorded; a new file, or None for nowhere.
        name: Of the player, for the record.
    """

    def __init__(self, env: MLEEnv, path: Path | None = None, name: str = "mcp") -> None:
        self.env, self.name = env, name
        self._path = path
        self._recorder: EpisodeRecorder | None = None
        self._brief = ""
        self._over = False
        self._turn = threading.RLock()
        self._running: _Call | None = None
        self._choosing = threading.Lock()
        self._printed = ""
        env.on_output = self._print

    @property
    def files(self) -> list[str]:
        """The data that an agent finds, as paths below its workspace; empty before the brief."""
        if self.env.record is None:
            return []
        public = self.env.record.dataset.public
        found = (path for path in sorted(public.rglob("*")) if path.is_file())
        return [f"data/{path.relative_to(public).as_posix()}" for path in found]

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return self._over

    async def brief(self) -> str:
        """The task's brief. The first call begins the episode, and its clock.

        Raises:
            MleGymError: It can't begin; the message says why.
        """
        return await run_sync(self._begin)

    async def act(self, action: dict[str, Any], on_progress: OnProgress) -> Outcome | None:
        """Take an action; None if the episode is over.

        If the task that waits for it is cancelled, the running command ends, as by Ctrl-C, and the
        step that it took counts and is recorded.

        Raises:
            MleGymError: The episode can't begin.
        """
        call = _Call(action)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._report, on_progress)
            try:
                await run_sync(self._act, call, abandon_on_cancel=True)
            except anyio.get_cancelled_exc_class():
                await self._call_off(call)
                raise
            tasks.cancel_scope.cancel()
        if call.error is not None:
            raise call.error
        return call.outcome

    def close(self) -> None:
        """Complete the record of an episode that the client didn't end. Idempotent."""
        with self._turn:
            if self._recorder is not None:
                self._recorder.left = "the client left"
                self._recorder.end()
                self._recorder = None

    def _begin(self) -> str:
        with self._turn:
            if not self._brief:
                opening = self.env.reset()
                if self._path is not None:
                    writer = TrajectoryWriter(self._path)
                    self._recorder = EpisodeRecorder.begin(self.env, self, opening, writer=writer)
                self._brief = str(opening[0]["output"])
            return self._brief

    def _act(self, call: _Call) -> None:
        """Take a call's turn. It raises nothing, since a group of tasks would wrap it."""
        with self._turn:
            with self._choosing:
                self._running = None if call.off else call
            if self._running is None:
                return
            try:
                self._begin()
                call.outcome = None if self._over else self._step(call.action)
            except MleGymError as error:
                call.error = error
            call.done = True

    def _step(self, action: dict[str, Any]) -> Outcome:
        self._printed = ""
        outcome = Outcome(*self.env.step(action))  # type: ignore[arg-type]
        self._over = outcome.terminated or outcome.truncated
        if self._recorder is not None:
            self._recorder.step(action, outcome)
            if self._over:
                self._recorder.end()
                self._recorder = None
        return outcome

    async def _call_off(self, call: _Call) -> None:
        """Keep a call from running, or end it; another one that runs goes on."""
        with self._choosing:
            call.off = True
            if self._running is not call:
                return
        with anyio.CancelScope(shield=True):
            while not call.done:
                self.env.interrupt()
                await anyio.sleep(0.05)

    async def _report(self, on_progress: OnProgress) -> None:
        seconds = 0.0
        while True:
            await anyio.sleep(_OFTEN)
            seconds += _OFTEN
            await on_progress(seconds, self._printed)

    def _print(self, output: LiveOutput) -> None:
        lines = [*output.lines.splitlines(), output.newest]
        self._printed = next((line for line in reversed(lines) if line.strip()), self._printed)

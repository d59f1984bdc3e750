"""One session: OpenEnv's environment, which plays episodes of ours."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import EnvironmentMetadata

import mle_gym
from mle_gym.env import MLEEnv
from mle_gym.episode.server_connection import CARRIED
from mle_gym.integrations.openenv.client_connection import CONNECTION
from mle_gym.integrations.openenv.episode_service import EpisodeService, Wish
from mle_gym.integrations.openenv.wire_types import MLEAction, MLEObservation, MLEState
from mle_gym.trajectories.episode_recorder import EpisodeRecorder
from mle_gym.trajectories.trajectory import TrajectoryWriter

__all__ = ["ServedEnvironment"]

_ABOUT = (
    "Machine-learning engineering tasks, each played in a sandbox of its own and graded against "
    "answers that never enter it. reset(task='titanic') begins an episode; an action is a bash "
    "script or a call of a tool."
)


class ServedEnvironment(Environment):  # type: ignore[misc]
    """Plays the episodes of one connection.

    Steps run in threads of the service, so the server goes on answering, and a client that is gone
    ends its step at once.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True
    name = "openenv"
    """Of the player, in records."""

    def __init__(self, service: EpisodeService) -> None:
        super().__init__()
        self._service = service
        self._env: MLEEnv | None = None
        self._made: tuple[str, dict[str, Any]] | None = None
        self._state = MLEState()
        self._recorder: EpisodeRecorder | None = None
        self._turn = threading.RLock()
        """A client may be gone at any time, and that is noted by another thread."""

    async def reset_async(
        self, seed: int | None = None, episode_id: str | None = None, **values: Any
    ) -> MLEObservation:
        """Begin an episode; see :meth:`reset`."""
        return await self._in_thread(
            partial(self.reset, seed=seed, episode_id=episode_id, **values)
        )

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, **values: Any
    ) -> MLEObservation:
        """Begin an episode, and discard the one that is running.

        Args:
            seed: Seeds the drawing of variants.
            episode_id: The client's own name for it.
            **values: ``task``, and arguments of the environment.

        Raises:
            RuntimeError: It can't begin. The message starts with the name of the exception.
        """
        try:
            wish = self._service.wish(values.pop("task", None), values)
            with self._service.metrics.resets.time():
                self._leave()
                env = self._environment(wish)
                observation, info = env.reset(seed=seed, options=wish.options)
            path = self._service.new_record(info)
            if path is not None:
                self._recorder = EpisodeRecorder.begin(
                    env,
                    self,
                    (observation, info),
                    seed=seed,
                    options=wish.options,
                    writer=TrajectoryWriter(path),
                )
        except CARRIED as error:
            name = next(kind.__name__ for kind in CARRIED if isinstance(error, kind))
            raise RuntimeError(f"{name}: {error}") from error
        self._state = MLEState(
            episode_id=episode_id or str(uuid.uuid4()),
            task=info["task"],
            variant=info["variant"],
            playing=True,
        )
        self._service.metrics.playing.inc()
        return _observation(observation, info)

    async def step_async(
        self, action: MLEAction, timeout_s: float | None = None, **_: Any
    ) -> MLEObservation:
        """Take an action; see :meth:`step`."""
        return await self._in_thread(partial(self.step, action))

    def step(self, action: MLEAction, timeout_s: float | None = None, **_: Any) -> MLEObservation:
        """Take an action, or end the episode.

        Raises:
            RuntimeError: No episode is running.
        """
        if self._env is None or not self._state.playing:
            raise RuntimeError("no episode is running: reset first")
        with self._service.metrics.steps.time():
            outcome = self._env.finish() if action.finish else self._env.step(action.action)
        observation, reward, terminated, truncated, info = outcome
        self._state.step_count += 1
        if info["reward_valid"]:
            self._service.metrics.rewards.labels(info["task"]).inc(max(0.0, reward))
        self._record(action, outcome)
        if (terminated or truncated) and self._over():
            self._service.metrics.ended(info["task"], terminated, info)
        return _observation(
            observation,
            info,
            reward=float(reward) if info["reward_valid"] else None,
            terminated=terminated,
            truncated=truncated,
            done=terminated or truncated,
        )

    @property
    def state(self) -> MLEState:
        """Where the session is."""
        return self._state

    def get_metadata(self) -> EnvironmentMetadata:
        """What ``/metadata`` says."""
        return EnvironmentMetadata(name="mle-gym", description=_ABOUT, version=mle_gym.__version__)

    def close(self) -> None:
        """Free the sandbox; a step that is running ends immediately. Idempotent."""
        self._leave()
        if self._env is not None:
            self._env.close()

    def _environment(self, wish: Wish) -> MLEEnv:
        """The environment for a wish: the one that there is, if it fits, or a new one."""
        made = wish.task, wish.arguments
        if self._env is None or self._made != made:
            if self._env is not None:
                self._env.close()
            self._env, self._made = MLEEnv(wish.task, **wish.arguments), made
        return self._env

    def _record(self, action: MLEAction, outcome: tuple[Any, ...]) -> None:
        *_, terminated, truncated, info = outcome
        with self._turn:
            if self._recorder is None:
                return
            # Nothing was done to finish an episode, so there is nothing to replay.
            if not action.finish or info["failure"]:
                self._recorder.step(action.action, outcome)
            if terminated or truncated:
                self._end_record("the client finished" if action.finish else None)

    def _leave(self) -> None:
        """Count an episode that its client gave up."""
        with self._turn:
            if self._over():
                self._end_record("the client left")
                self._service.metrics.episodes.labels(self._state.task, "abandoned").inc()

    def _end_record(self, left: str | None) -> None:
        if self._recorder is not None:
            self._recorder.left = left
            self._recorder.end()
            self._recorder = None

    def _over(self) -> bool:
        """Note that no episode is running, and say whether one was."""
        with self._turn:
            was, self._state.playing = self._state.playing, False
        if was:
            self._service.metrics.playing.dec()
        return bool(was)

    async def _in_thread(self, call: Callable[[], MLEObservation]) -> MLEObservation:
        """Make a call in a thread, and end it if the client is gone meanwhile."""
        loop = asyncio.get_running_loop()
        connection = CONNECTION.get()
        if connection is None:
            raise RuntimeError("episodes are played over the WebSocket /ws alone")
        with connection.busy(self.close, self._interrupt):
            return await loop.run_in_executor(self._service.pool, call)

    def _interrupt(self) -> None:
        if self._env is not None:
            self._env.interrupt()


def _observation(values: dict[str, Any], info: dict[str, Any], **more: Any) -> MLEObservation:
    return MLEObservation(
        output=values["output"],
        exit_code=values["exit_code"],
        steps_left=values["steps_left"],
        seconds_left=float(values["seconds_left"][0]),
        info=dict(info),
        **more,
    )

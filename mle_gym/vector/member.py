"""One environment of a vector environment, and the thread that calls it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import TimeLimit
from gymnasium.wrappers.utils import create_zero_array

from mle_gym.env import MLEEnv
from mle_gym.episode.arguments import Arguments
from mle_gym.episode.failures import Failure
from mle_gym.episode.outcome import Info
from mle_gym.errors import DatasetError, SandboxError, TaskError
from mle_gym.text import nearest
from mle_gym.vector.workers import Worker

__all__ = ["Environment", "Member", "StepResult", "chosen_mode", "make_environment"]

Environment = gymnasium.Env[Any, Any]
StepResult = tuple[Any, float, bool, bool, dict[str, Any]]
Opening = tuple[Any, dict[str, Any]]
"""An observation and an info, as ``reset`` returns them."""

_FAULTS = (SandboxError, DatasetError, TaskError, OSError, MemoryError)
"""Exceptions of a reset that are neither the caller's mistake nor a bug."""


class Member:
    """An environment whose calls are made one after another, and its automatic reset.

    Args:
        make: Makes the environment.
        mode: When to reset it.
        name: The name of its thread.
    """

    def __init__(self, make: Callable[[], Environment], mode: AutoresetMode, name: str) -> None:
        self.env = make()
        self.over = False
        """Whether it has to be reset before it can go on."""
        self.observation: Any = None
        """The latest observation; None before the first reset."""
        self.worker = Worker(name)
        self._mode = mode

    def reset(self, **arguments: Any) -> Opening:
        """Reset the environment."""
        self.observation, info = self.env.reset(**arguments)
        self.over = False
        return self.observation, info

    def restart(self, **arguments: Any) -> tuple[StepResult, None]:
        """A reset in the shape of a step."""
        observation, info = self.reset(**arguments)
        return (observation, 0.0, False, False, info), None

    def step(self, action: Any) -> tuple[StepResult, Opening | None]:
        """A step, and a reset if the episode ended and the mode requires one.

        If the episode was over before, it is reset instead, and the action is ignored.
        """
        if self.over and self._mode is not AutoresetMode.DISABLED:
            observation, info = self._autoreset()
            return (observation, 0.0, False, self.over, info), None
        result: Any = self.env.step(action)
        self.observation, self.over = result[0], bool(result[2] or result[3])
        same_step = self.over and self._mode is AutoresetMode.SAME_STEP
        return result, self._autoreset() if same_step else None

    def _autoreset(self) -> Opening:
        """An automatic reset. If it fails, the next step tries again.

        It doesn't raise, since one failure would otherwise end the whole vector environment.
        """
        try:
            return self.reset()
        except _FAULTS as error:
            prepared = not isinstance(error, DatasetError | TaskError)
            failure = Failure.of(error, "reset" if prepared else "prepare")
            self.over, self.observation = True, create_zero_array(self.env.observation_space)
            return self.observation, Info(reward_valid=False, failure=failure.to_dict())

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Calls the attribute if it is callable, otherwise returns it."""
        value = self.env.get_wrapper_attr(name)
        return value(*args, **kwargs) if callable(value) else value

    def interrupt(self) -> None:
        """End the running command. The episode goes on. Any thread may call this."""
        ours = self.env.unwrapped
        if isinstance(ours, MLEEnv):
            ours.interrupt()


def make_environment(
    task: str,
    arguments: Arguments,
    max_episode_steps: int | None,
    wrappers: Sequence[Callable[[Environment], Environment]],
) -> Environment:
    """An environment as ``gymnasium.make`` would make it, in its wrappers."""
    env: Environment = MLEEnv(task, **arguments)
    if max_episode_steps not in (None, -1):
        env = TimeLimit(env, max_episode_steps)
    for wrap in wrappers:
        env = wrap(env)
    return env


def chosen_mode(mode: str | AutoresetMode) -> AutoresetMode:
    """The mode with a name: ``"next_step"``, or ``"NextStep"`` as Gymnasium spells it."""
    if isinstance(mode, AutoresetMode):
        return mode
    names = {each.name.lower(): each for each in AutoresetMode}
    names |= {each.value: each for each in AutoresetMode}
    if mode not in names:
        raise ValueError(f"autoreset_mode: no such value {mode!r}{nearest(mode, names)}")
    return names[mode]

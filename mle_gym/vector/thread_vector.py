"""The vector environment that ``gymnasium.make_vec("mle/titanic-v0", num_envs=8)`` returns.

An environment spends its time waiting for its sandbox, so threads run many in parallel, without the
processes, the pickling and the further copies of pandas that ``AsyncVectorEnv`` requires.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from mle_gym.episode.arguments import Arguments, spelled_out
from mle_gym.vector.calls import Calls
from mle_gym.vector.member import (
    Environment,
    Member,
    StepResult,
    chosen_mode,
    make_environment,
)
from mle_gym.vector.per_environment import (
    Options,
    Seeds,
    chosen_by_mask,
    options_of_each,
    seed_of_each,
)
from mle_gym.vector.workers import end_all

__all__ = ["ThreadVectorEnv"]

Flags = npt.NDArray[np.bool_]
Batch = tuple[Any, npt.NDArray[np.float64], Flags, Flags, dict[str, Any]]


class ThreadVectorEnv(VectorEnv[Any, Any, npt.NDArray[Any]]):
    """Environments of one task, each in a thread of its own, with ``SyncVectorEnv``'s semantics.

    ``gymnasium.make_vec(id, num_envs=…, **arguments)`` makes one; ``arguments`` are those of
    :class:`~mle_gym.env.MLEEnv` and the two below. Texts and actions are batched as tuples, the
    rest as arrays of shape ``(num_envs,)``; infos as in every Gymnasium vector environment.

    Args:
        task: Id of a task, or the path of a task folder.
        num_envs: How many environments.
        autoreset_mode: ``"next_step"`` (the step after an episode's end resets and ignores its
            action), ``"same_step"`` (the last step resets; its observation and info are in
            ``infos["final_obs"]`` and ``infos["final_info"]``), or ``"disabled"`` (reset by
            ``reset(options={"reset_mask": mask})``).
        env_wrappers: Functions from an environment to its wrapped form, applied to each in order.
        max_episode_steps: As in ``gymnasium.make``: lowers ``max_steps``.
        **arguments: For every environment, those of :class:`~mle_gym.env.MLEEnv`.

    Raises:
        TypeError: An argument is unknown; the message has the nearest names.
        ValueError: ``num_envs`` is not positive, or an argument is not valid.
        TaskError: No such task, or a broken one.
    """

    @spelled_out
    def __init__(
        self,
        task: str,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        env_wrappers: Sequence[Callable[[Environment], Environment]] = (),
        max_episode_steps: int | None = None,
        **arguments: Unpack[Arguments],
    ) -> None:
        self.closed = True  # until the end of this method, since before there is nothing to close
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, not {num_envs}")
        self.autoreset_mode = chosen_mode(autoreset_mode)
        self.num_envs = num_envs
        make = partial(make_environment, task, arguments, max_episode_steps, env_wrappers)
        self._members = [
            Member(make, self.autoreset_mode, f"mle-gym-env-{i}") for i in range(num_envs)
        ]
        self.envs = [member.env for member in self._members]
        first = self.envs[0]
        self.metadata = {**first.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = first.render_mode
        self.single_action_space = first.action_space
        self.single_observation_space = first.observation_space
        self.action_space = batch_space(first.action_space, num_envs)
        self.observation_space = batch_space(first.observation_space, num_envs)
        weakref.finalize(self, end_all, [member.worker for member in self._members])
        self._calls = Calls(self._members)
        self.closed = False

    def reset(self, *, seed: Seeds = None, options: Options = None) -> tuple[Any, dict[str, Any]]:
        """Reset all environments, or those of ``options["reset_mask"]``, in parallel.

        Args:
            seed: One for each; an integer stands for ``seed, seed + 1, …``.
            options: Passed on to each, or a list with one dict for each. They also hold for the
                automatic resets after it. ``reset_mask``, a boolean array of shape ``(num_envs,)``,
                is taken out.
        """
        seeds = seed_of_each(seed, self.num_envs)
        each = options_of_each(options, self.num_envs)
        results = self._together(
            {
                i: partial(self._members[i].reset, seed=seeds[i], options=each[i])
                for i in chosen_by_mask(options, self.num_envs)
            }
        )
        infos: dict[str, Any] = {}
        for i, (_, info) in results.items():
            infos = self._add_info(infos, info, i)
        return self._batch(range(self.num_envs)), _valid_unless_failed(infos)

    def step(self, actions: Any) -> Batch:
        """Step every environment in parallel, ``actions[i]`` in the ``i``-th.

        Raises:
            ValueError: The number of actions is wrong, or, with autoreset disabled, an environment
                has to be reset first.
        """
        results = self._together(
            {i: partial(self._members[i].step, action) for i, action in self._each(actions)}
        )
        return self._collect(results, np.arange(self.num_envs))

    def async_reset(self, *, seed: Seeds = None, options: Options = None) -> None:
        """Start resetting every environment. :meth:`recv` returns the observations.

        With :meth:`send` and :meth:`recv` a slow environment doesn't hold up the others, which
        matters where one action lists a folder and the next one trains a model::

            envs.async_reset(seed=0)
            while training:
                observations, rewards, terminations, truncations, infos = envs.recv(batch_size=4)
                envs.send(policy(observations), infos["env_id"])
        """
        seeds = seed_of_each(seed, self.num_envs)
        each = options_of_each(options, self.num_envs)
        for i, member in enumerate(self._members):
            self._launch(i, partial(member.restart, seed=seeds[i], options=each[i]))

    def send(self, actions: Sequence[Any], env_ids: Iterable[int]) -> None:
        """Start a step in each of some environments, and return without waiting.

        If an episode is over, the step resets and ignores its action, as with ``"next_step"``. With
        ``"same_step"``, the last step has reset already.

        Args:
            actions: One for each of ``env_ids``.
            env_ids: Environments that :meth:`recv` has returned since their last ``send``.

        Raises:
            ValueError: The number of actions is wrong, or an environment's last step was not
                received.
        """
        ids = [int(i) for i in env_ids]
        if len(actions) != len(ids):
            raise ValueError(f"send requires one action for each of {ids}, found {len(actions)}")
        disabled = self.autoreset_mode is AutoresetMode.DISABLED
        if disabled and any(self._members[i].over for i in ids):
            raise ValueError("send requires autoreset_mode 'next_step' or 'same_step'")
        for i, action in zip(ids, actions, strict=True):
            self._launch(i, partial(self._members[i].step, action))

    def recv(self, batch_size: int = 1, timeout: float | None = None) -> Batch:
        """Wait for the first ``batch_size`` environments that are done, in that order.

        Args:
            batch_size: How many, from 1 to the number of steps in flight.
            timeout: Seconds to wait for all of them; None for ever.

        Returns:
            What :meth:`step` returns, for these environments only: entry ``k`` belongs to
            environment ``infos["env_id"][k]``. Resets have reward 0.

        Raises:
            ValueError: Fewer steps are in flight.
            TimeoutError: Not enough were done in time. None is lost: the next call returns them.
        """
        in_flight = len(self._calls.in_flight)
        if not 1 <= batch_size <= in_flight:
            raise ValueError(f"batch_size={batch_size}, but {in_flight} are in flight")
        done = self._calls.take(batch_size, timeout)
        ids = np.array([i for i, _ in done], dtype=np.int64)
        results = {k: future.result() for k, (_, future) in enumerate(done)}
        *batch, infos = self._collect(results, ids)
        return (*batch, {**_first(infos, batch_size), "env_id": ids})

    def render(self) -> tuple[Any, ...]:
        """What each environment renders."""
        return self.call("render")

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of every environment in parallel, or read an attribute."""
        calls = [partial(member.call, name, args, kwargs) for member in self._members]
        return tuple(self._together(dict(enumerate(calls))).values())

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of every environment."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of every environment: one value for all, or a list or tuple of them."""
        each = values if isinstance(values, list | tuple) else [values] * self.num_envs
        if len(each) != self.num_envs:
            raise ValueError(f"{name}: expected {self.num_envs} values, found {len(each)}")
        for env, value in zip(self.envs, each, strict=True):
            env.set_wrapper_attr(name, value)

    def close_extras(self, **kwargs: Any) -> None:
        """Close every environment and end its thread. Commands that still run are ended."""
        self._calls.give_up()
        try:
            self.call("close")
        finally:
            workers = [member.worker for member in self._members]
            end_all(workers)
            for worker in workers:
                worker.join()

    def _collect(
        self, results: Mapping[int, tuple[StepResult, tuple[Any, Any] | None]], ids: Any
    ) -> Batch:
        """Batch results; the k-th is of environment ``ids[k]``."""
        rewards = np.zeros(len(ids), dtype=np.float64)
        terminations, truncations = np.zeros((2, len(ids)), dtype=np.bool_)
        infos: dict[str, Any] = {}
        for k, (result, restart) in results.items():
            observation, rewards[k], terminations[k], truncations[k], info = result
            if restart is not None:
                final = {"final_obs": observation, "final_info": info}
                infos = self._add_info(infos, final, k)
                _, info = restart
            infos = self._add_info(infos, info, k)
        infos = _valid_unless_failed(infos)
        return self._batch(ids), rewards, terminations, truncations, infos

    def _launch(self, i: int, function: Callable[[], Any]) -> None:
        """Start a call whose result :meth:`recv` will return."""
        self._check_open()
        self._calls.launch(i, function)

    def _together(self, calls: Mapping[int, Callable[[], Any]]) -> dict[int, Any]:
        """Make calls in parallel. All have ended when this returns."""
        self._check_open()
        return self._calls.together(calls)

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError("this vector environment is closed")

    def _batch(self, ids: Any) -> Any:
        """The latest observations of some environments as one, in fresh arrays."""
        observations = [self._members[i].observation for i in ids]
        if any(observation is None for observation in observations):
            raise ResetNeeded("the first reset must be of all environments, without a reset_mask")
        out: Any = create_empty_array(self.single_observation_space, len(observations))
        return concatenate(self.single_observation_space, observations, out)

    def _each(self, actions: Any) -> list[tuple[int, Any]]:
        """Number the actions, one for each environment."""
        if isinstance(actions, str | dict):
            raise ValueError(f"step requires {self.num_envs} actions, found one: {actions!r:.60}")
        over = [i for i, member in enumerate(self._members) if member.over]
        if self.autoreset_mode is AutoresetMode.DISABLED and over:
            raise ValueError(f"environments {over} have to be reset first")
        each = list(iterate(self.action_space, actions))
        if len(each) != self.num_envs:
            raise ValueError(f"step requires {self.num_envs} actions, found {len(each)}")
        return list(enumerate(each))


def _valid_unless_failed(infos: dict[str, Any]) -> dict[str, Any]:
    """A batch's infos with ``reward_valid`` True for the environments without such an info.

    Gymnasium fills the places of those that were not reset, or did not end, with False, which a
    trainer would read as a failure.
    """
    for each in (infos, infos.get("final_info", {})):
        if "reward_valid" in each:
            each["reward_valid"] |= ~each["_reward_valid"]
    return infos


def _first(infos: dict[str, Any], count: int) -> dict[str, Any]:
    """The first entries of every array in a batch's infos."""
    return {
        key: _first(value, count) if isinstance(value, dict) else value[:count]
        for key, value in infos.items()
    }

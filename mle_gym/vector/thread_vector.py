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
from mle_gym.vector.batched_infos import first, valid_unless_failed
from mle_gym.vector.calls import Calls
from mle_gym.vector.member import (
    Environment,
    Member,
    StepResult,
    chosen_mode,
    make_environment,
)
from mle_gym.vector.per_environment import (
    Mask,
    Options,
    Seeds,
    chosen_by,
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
        single = self.envs[0]
        self.metadata = {**single.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = single.render_mode
        self.single_action_space = single.action_space
        self.single_observation_space = single.observation_space
        self.action_space = batch_space(single.action_space, num_envs)
        self.observation_space = batch_space(single.observation_space, num_envs)
        weakref.finalize(self, end_all, [member.worker for member in self._members])
        self._calls = Calls(self._members)
        self.closed = False

    def reset(
        self, *, seed: Seeds = None, options: Options = None, mask: Mask = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset all environments, or those of a mask, in parallel.

        Args:
            seed: One for each; an integer stands for ``seed, seed + 1, …``.
            options: Passed on to each, or a list with one dict for each. They also hold for the
                automatic resets after it. ``reset_mask`` in a dict for all is taken out.
            mask: Which ones, a boolean array of shape ``(num_envs,)``; by default the options'
                ``reset_mask``, as in Gymnasium's vector environments, or else all.
        """
        seeds = seed_of_each(seed, self.num_envs)
        each = options_of_each(options, self.num_envs)
        if mask is None and isinstance(options, Mapping):
            mask = options.get("reset_mask")
        results = self._together(
            {
                i: partial(self._members[i].reset, seed=seeds[i], options=each[i])
                for i in chosen_by("reset_mask", mask, self.num_envs)
            }
        )
        infos: dict[str, Any] = {}
        for i, (_, info) in results.items():
            infos = self._add_info(infos, info, i)
        return self._batch(range(self.num_envs)), valid_unless_failed(infos)

    def reset_group(
        self, seed: Seeds = None, size: int | None = None, options: Options = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset in groups whose environments begin alike, as trainers with groups (GRPO) need them.

        The environments of a group get the same seed and the same options, and so the same variant
        or the same snapshot.

        Args:
            seed: One for each group; an integer stands for ``seed, seed + 1, …``, and None draws
                them from ``np_random``.
            size: How many environments a group has, one after the other; by default all are one
                group.
            options: For all, or a list with one dict for each group.

        Raises:
            ValueError: ``num_envs`` is not a multiple of the size.
        """
        size = self.num_envs if size is None else size
        if size < 1 or self.num_envs % size:
            raise ValueError(f"{self.num_envs} environments don't make groups of {size!r}")
        groups = self.num_envs // size
        if seed is None:
            seed = [int(drawn) for drawn in self.np_random.integers(2**31, size=groups)]
        seeds = np.repeat(np.array(seed_of_each(seed, groups), dtype=object), size)
        if options is not None and not isinstance(options, Mapping):
            options = [each for each in options_of_each(options, groups) for _ in range(size)]
        return self.reset(seed=list(seeds), options=options)

    def step(self, actions: Any, mask: Mask = None) -> Batch:
        """Step environments in parallel, ``actions[i]`` in the ``i``-th.

        Args:
            actions: One for each environment, also for those that aren't stepped.
            mask: Which ones to step, a boolean array of shape ``(num_envs,)``; by default all. The
                others keep their observation and have no reward and no info; an episode that is
                over stays truncated.

        Raises:
            ValueError: The number of actions is wrong, or, with autoreset disabled, an environment
                has to be reset first.
        """
        chosen = chosen_by("mask", mask, self.num_envs)
        results: dict[int, tuple[StepResult, tuple[Any, Any] | None]] = self._together(
            {i: partial(self._members[i].step, action) for i, action in self._each(actions, chosen)}
        )
        for i in set(range(self.num_envs)).difference(chosen):
            results[i] = (None, 0.0, False, self._members[i].over, {}), None
        return self._collect(results, np.arange(self.num_envs))

    def async_reset(
        self,
        *,
        seed: Seeds = None,
        options: Options = None,
        env_ids: Iterable[int] | None = None,
    ) -> None:
        """Start resetting all environments, or some. :meth:`recv` returns the observations.

        With :meth:`send` and :meth:`recv` a slow environment doesn't hold up the others, which
        matters where one action lists a folder and the next one trains a model::

            envs.async_reset(seed=0)
            while training:
                observations, rewards, terminations, truncations, infos = envs.recv(batch_size=4)
                envs.send(policy(observations), infos["env_id"])

        A trainer that chooses each next episode resets the environments whose episodes are over
        itself, with ``env_ids`` and options for each of them.

        Args:
            seed: As in :meth:`reset`, for each of ``env_ids``.
            options: As in :meth:`reset`, for each of ``env_ids``.
            env_ids: Environments that aren't in flight; by default all.
        """
        ids = range(self.num_envs) if env_ids is None else [int(i) for i in env_ids]
        seeds = seed_of_each(seed, len(ids))
        each = options_of_each(options, len(ids))
        for k, i in enumerate(ids):
            restart = self._members[i].restart
            self._launch(i, partial(restart, seed=seeds[k], options=each[k]))

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
        return (*batch, {**first(infos, batch_size), "env_id": ids})

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
        infos = valid_unless_failed(infos)
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

    def _each(self, actions: Any, chosen: Sequence[int]) -> list[tuple[int, Any]]:
        """The chosen environments with their actions, of which there is one for each."""
        if isinstance(actions, str | dict):
            raise ValueError(f"step requires {self.num_envs} actions, found one: {actions!r:.60}")
        over = [i for i in chosen if self._members[i].over]
        if self.autoreset_mode is AutoresetMode.DISABLED and over:
            raise ValueError(f"environments {over} have to be reset first")
        each = list(iterate(self.action_space, actions))
        if len(each) != self.num_envs:
            raise ValueError(f"step requires {self.num_envs} actions, found {len(each)}")
        return [(i, each[i]) for i in chosen]

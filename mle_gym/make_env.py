"""``mle_gym.make`` and ``mle_gym.make_vec``, which editors and type checkers understand.

``gymnasium.make`` and ``gymnasium.make_vec`` make the same environments, but type checkers see only
an ``Env`` and a ``VectorEnv``, and ``gymnasium.make`` adds two wrappers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode

from mle_gym.env import MLEEnv
from mle_gym.episode.arguments import Arguments, spelled_out
from mle_gym.paths import bundled
from mle_gym.tasks.catalog import load_task
from mle_gym.vector.member import Environment, chosen_mode
from mle_gym.vector.thread_vector import ThreadVectorEnv

__all__ = ["make", "make_vec"]


@spelled_out
def make(task: str, **arguments: Unpack[Arguments]) -> MLEEnv:
    """Make an environment.

    It has no wrappers and requires none: it checks the order of calls itself, and its step limit is
    ``max_steps``. It has the same ``spec`` as from ``gymnasium.make``, so that it can be recorded,
    replayed and made again.

    >>> env = mle_gym.make("titanic", reward="anchored")
    >>> observation, info = env.reset(seed=0)
    >>> state = env.snapshot()

    Args:
        task: Id of a task (``"titanic"``, ``"mle/titanic-v0"``), or the path of a task folder,
            which doesn't have to be registered.
        **arguments: Those of :class:`~mle_gym.env.MLEEnv`, which explains them.

    Raises:
        TaskError: No such task, or a broken one.
        TypeError: An argument is unknown; the message has the nearest names.
        ValueError: An argument is not valid; the message names it and what was expected.
    """
    env = MLEEnv(task, **arguments)
    env.spec = _spec(task, arguments)
    env.spec.order_enforce, env.spec.disable_env_checker = False, True  # there are no wrappers
    return env


@spelled_out
def make_vec(
    task: str,
    num_envs: int = 1,
    *,
    autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
    env_wrappers: Sequence[Callable[[Environment], Environment]] = (),
    **arguments: Unpack[Arguments],
) -> ThreadVectorEnv:
    """Make a vector environment, whose environments run in parallel threads.

    >>> envs = mle_gym.make_vec("titanic", num_envs=8, variant="train", reward="anchored")
    >>> envs.async_reset(seed=0)
    >>> observations, rewards, terminations, truncations, infos = envs.recv(batch_size=4)

    Args:
        task: Id of a task, or the path of a task folder.
        num_envs: How many environments.
        autoreset_mode: ``"next_step"``, ``"same_step"`` or ``"disabled"``; see
            :class:`~mle_gym.vector.thread_vector.ThreadVectorEnv`.
        env_wrappers: Functions from an environment to its wrapped form, applied to each in order.
        **arguments: For every environment, those of :class:`~mle_gym.env.MLEEnv`.

    Raises:
        TaskError: No such task, or a broken one.
        TypeError: An argument is unknown; the message has the nearest names.
        ValueError: ``num_envs`` is not positive, or an argument is not valid.
    """
    mode = chosen_mode(autoreset_mode)
    envs = ThreadVectorEnv(
        task, num_envs, autoreset_mode=mode, env_wrappers=env_wrappers, **arguments
    )
    envs.spec = _spec(task, arguments)
    envs.spec.kwargs["vectorization_mode"] = "vector_entry_point"
    if num_envs != 1:
        envs.spec.kwargs["num_envs"] = num_envs
    if mode is not AutoresetMode.NEXT_STEP:
        envs.spec.kwargs["autoreset_mode"] = mode.name.lower()
    if env_wrappers:
        envs.spec.kwargs["env_wrappers"] = env_wrappers
    return envs


def _spec(name: str, arguments: Mapping[str, Any]) -> EnvSpec:
    """The spec with which Gymnasium makes such an environment again."""
    task = load_task(name)
    registered = task.id if task.folder.parent == bundled("envs") else str(task.folder)
    return EnvSpec(
        id=task.env_id,
        entry_point="mle_gym.env:MLEEnv",
        vector_entry_point="mle_gym.vector:ThreadVectorEnv",
        nondeterministic=True,
        kwargs={"task": registered, **copy.deepcopy(dict(arguments))},
    )

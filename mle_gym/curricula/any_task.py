"""``mle/any-v0``: an environment that plays another task in every episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import gymnasium
from gymnasium.utils import seeding

from mle_gym.curricula.sampling import sample_task
from mle_gym.datasets.dataset import SIZES, Size
from mle_gym.env import MLEEnv, Observation
from mle_gym.episode.actions.action import RawAction
from mle_gym.episode.arguments import ARGUMENTS, RESET_OPTIONS, Arguments
from mle_gym.episode.snapshot import checked
from mle_gym.errors import TaskError
from mle_gym.tasks.suites import tasks_of

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

__all__ = ["AnyTask"]

DEFAULTS = {"variant": "train", "max_steps": 50, "time_limit": 1800.0}
"""Limits that hold for every episode: the observations' space can't depend on what is drawn."""
DRAWN = ("task", "variant", "size", "difficulty")


class AnyTask(gymnasium.Wrapper[Observation, RawAction, Observation, RawAction]):
    """Draws the task, its variant, its size and its difficulty at each reset.

    >>> env = gymnasium.make("mle/any-v0", suite="everyday", reward="anchored")
    >>> observation, info = env.reset(seed=0)
    >>> info["sampled"]
    {'task': 'churn-survival', 'variant': 8312…, 'size': 'small', 'difficulty': 0.42}

    It is a wrapper whose environment changes: ``env.unwrapped`` is the :class:`MLEEnv` of the
    episode, with its record, its ``snapshot`` and its ``finish``.

    Args:
        suite: Where tasks are drawn from; ``mle-gym list --suite`` names suites.
        sizes: Which sizes a generated task may have; by default the suite's own.
        difficulties: The lowest and the highest difficulty that it may have.
        **arguments: Those of :class:`MLEEnv`, for every episode, without ``size`` and
            ``difficulty``. ``variant`` is ``"train"`` by default, ``max_steps`` 50 and
            ``time_limit`` 1800 seconds.

    Raises:
        TaskError: There is no such suite, or no task in it that may be drawn.
        TypeError: An argument is unknown; the message has the nearest names.
        ValueError: An argument is not valid.
    """

    metadata: dict[str, Any] = MLEEnv.metadata  # a class's, for gymnasium.make

    def __init__(
        self,
        suite: str = "everyday",
        *,
        sizes: Sequence[Size] | None = None,
        difficulties: tuple[float, float] = (0.0, 1.0),
        **arguments: Unpack[Arguments],
    ) -> None:
        for name, range_of in {"size": "sizes", "difficulty": "difficulties"}.items():
            if name in arguments:
                raise TypeError(f"{name} is drawn: expected {range_of}=…, found {name}=…")
        _check(sizes, difficulties)
        chosen: dict[str, Any] = {**DEFAULTS, **arguments}
        variant = ARGUMENTS["variant"].check("variant", chosen.pop("variant"))
        tasks = tasks_of(suite)
        if not tasks:
            raise TaskError(f"the suite {suite!r} has no task here")
        self._arguments = chosen
        self._choice: dict[str, Any] = {
            "suite": suite, "variant": variant, "sizes": sizes, "difficulties": tuple(difficulties)
        }  # fmt: skip
        self._lasting: dict[str, Any] = {}
        """The options that a ``reset`` without any argument continues to use."""
        super().__init__(MLEEnv(tasks[0].id, **self._arguments))
        self._rng, _ = seeding.np_random(None)

    @property
    def spec(self) -> EnvSpec | None:  # type: ignore[override]
        """What makes such an environment again; it is no wrapper of another registered one."""
        return self.env.spec

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Draw a task and begin an episode of it; ``info["sampled"]`` says what was drawn.

        Args:
            seed: Seeds the draws, and the episode.
            options: ``task``, ``variant``, ``size`` and ``difficulty`` in place of drawn ones, and
                what else :meth:`MLEEnv.reset` accepts. With ``snapshot``, the task is the
                snapshot's. As there, a reset without any argument uses the options of the one
                before it.

        Raises:
            TaskError: No such task.
            Exception: What :meth:`MLEEnv.reset` raises.
        """
        if seed is not None:
            self._rng, _ = seeding.np_random(seed)
        bare = seed is None and options is None
        given = dict(self._lasting if bare else options or {})
        if not bare:
            self._lasting = {name: value for name, value in given.items() if name != "snapshot"}
        inner_seed = int(self._rng.integers(2**31))
        if "snapshot" in given:
            snapshot = checked(given["snapshot"])
            self._turn_to(snapshot.task)
            instance = {name: getattr(snapshot.options, name) for name in RESET_OPTIONS}
            return self.env.reset(seed=inner_seed, options=instance | given)
        sampled = sample_task(self._rng, **self._choice)
        if given.get("task", sampled["task"]) != sampled["task"]:
            sampled = {"variant": sampled["variant"]}  # size and difficulty are another task's
        sampled |= {name: given.pop(name) for name in DRAWN if name in given}
        self._turn_to(sampled["task"])
        rest = {name: value for name, value in sampled.items() if name != "task"}
        observation, info = self.env.reset(seed=inner_seed, options=given | rest)
        return observation, info | {"sampled": sampled | {"variant": info["variant"]}}

    def _turn_to(self, task: str) -> None:
        """Make the environment of a task, unless it is the one that there is."""
        old = self.env.unwrapped
        if isinstance(old, MLEEnv) and task in (old.task.id, old.task.env_id):
            return
        fresh = MLEEnv(task, **self._arguments)
        fresh.spec = self.env.spec
        self.env.close()
        self.env = fresh


def _check(sizes: Sequence[str] | None, difficulties: tuple[float, float]) -> None:
    for size in sizes or ():
        if size not in SIZES:
            raise ValueError(f"sizes must be of {', '.join(map(repr, SIZES))}, not {size!r}")
    if len(difficulties) != 2 or not 0 <= difficulties[0] <= difficulties[1] <= 1:
        raise ValueError(
            f"difficulties must be the lowest and the highest, from 0 to 1, not {difficulties!r}"
        )

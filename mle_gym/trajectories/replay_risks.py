"""What a recorded episode may demand of the machine that replays it.

A record names the environment that it was played in, and anybody may have written it. Playing its
actions again is harmless inside a sandbox that is neither weaker nor larger than the task's own. So
each argument of an environment has an entry here that says which values are harmless; every other
value, and every argument without an entry, requires trust. Even trust does not lift :data:`CAPS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from mle_gym.episode.rewards import REWARDS
from mle_gym.sandbox.limits import Limits
from mle_gym.tasks.catalog import load_task, task_folders

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["ARGUMENTS", "CAPS", "beyond_caps", "remake", "risks"]

Harmless = Callable[[Any, "TaskSpec"], bool]


def _anything(value: Any, task: TaskSpec) -> bool:
    """For arguments that affect only what the agent sees. They are checked by the environment."""
    return True


def _unset(value: Any, task: TaskSpec) -> bool:
    return value is None or value is False or value == []


def _no_more_time(value: Any, task: TaskSpec) -> bool:
    return value is None or (_is_number(value) and value <= task.limits.seconds)


def _no_larger(value: Any, task: TaskSpec) -> bool:
    """Whether no limit is above the task's own, or above the default if the task sets none."""
    if value is None:
        return True
    usual = {**vars(Limits()), **{name: getattr(task.limits, name) for name in _OF_TASKS}}
    return isinstance(value, dict) and all(
        name in usual and _is_number(limit) and limit <= usual[name]
        for name, limit in value.items()
    )


_OF_TASKS = ("memory_mb", "cpus", "disk_mb")

ARGUMENTS: Mapping[str, Harmless] = {
    "variant": _anything,
    "size": _anything,
    "difficulty": _anything,
    "train_rows": _anything,
    "obfuscate": _anything,
    "feedback": _anything,
    "score_calls": _anything,
    "score_ci": _anything,
    "max_steps": _anything,  # a replay plays only the recorded actions
    "warm": _anything,
    "render_mode": _anything,
    "default_timeout": _anything,
    "command_timeout": _anything,  # a command ends with the episode's time at the latest
    "time_limit": _no_more_time,
    "clock": _anything,  # a replay does not think
    "limits": _no_larger,
    "conditions": lambda value, task: value in (None, task.limits.conditions),
    "sandbox": lambda value, task: value in ("auto", "bubblewrap", "docker"),
    "reward": lambda value, task: value in REWARDS,
    "task": _anything,  # :func:`_task` checks it
    "network": _unset,
    "gpus": _unset,
    "runtime": _unset,
    "sandbox_python": _unset,
    "packages": _unset,
    "remote": _unset,  # the record of others must not decide with whom this machine talks
    "preload": _unset,
}
"""Which values of an argument of :class:`~mle_gym.env.MLEEnv` are harmless."""

SPEC = frozenset({"id", "kwargs", "max_episode_steps", "disable_env_checker"})
"""The fields of a recorded spec that are used. The rest must agree with the registry here."""

CAPS: Mapping[str, float] = {
    "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20,
    "cpus": os.cpu_count() or 1,
    "processes": 10_000,
    "disk_mb": 1_000_000,
    "output_bytes": 2**20,
    "output_file_bytes": 2**30,
    "time_limit": 7 * 24 * 3600,
}
"""The most that any record gets: what this machine has, or more than any episode requires."""


def risks(spec: Mapping[str, Any]) -> list[str]:
    """What in a recorded spec requires trust, one line each."""
    known = gym.registry.get(str(spec.get("id")))
    if known is None:
        return [f"its environment {spec.get('id')!r} is not registered here"]
    kwargs = spec.get("kwargs")
    kwargs = kwargs if isinstance(kwargs, Mapping) else {"kwargs": kwargs}
    found = list(_other_registration(spec, known))
    if known.entry_point != "mle_gym.env:MLEEnv":
        # Nothing is known about the arguments of other environments, so each change is a risk.
        return found + [
            f"its {name} is {value!r}"
            for name, value in kwargs.items()
            if name not in known.kwargs or known.kwargs[name] != value
        ]
    task = _task(kwargs.get("task"), known)
    if task is None:
        return [*found, f"its task is {kwargs.get('task')!r}, which is not known here"]
    for name, value in kwargs.items():
        harmless = ARGUMENTS.get(name)
        if harmless is None or not _holds(harmless, value, task):
            found.append(f"its {name} is {value!r}")
    return found


def beyond_caps(spec: Mapping[str, Any]) -> list[str]:
    """Limits in a recorded spec that are above :data:`CAPS`, one line each."""
    kwargs = spec.get("kwargs")
    kwargs = kwargs if isinstance(kwargs, Mapping) else {}
    limits = kwargs.get("limits")
    asked = {**(limits if isinstance(limits, Mapping) else {}), "time_limit": None, **kwargs}
    return [
        f"its {name} is {asked[name]!r}, and at most {most:g} is allowed here"
        for name, most in CAPS.items()
        if _is_number(asked.get(name)) and asked[name] > most
    ]


def remake(spec: Mapping[str, Any]) -> gym.Env[Any, Any]:
    """The environment of a recorded spec without risks, made from the registration here."""
    given = {name: spec[name] for name in SPEC - {"id", "kwargs"} if name in spec}
    return gym.make(spec["id"], **given, **spec["kwargs"])


def _other_registration(
    spec: Mapping[str, Any], known: gym.envs.registration.EnvSpec
) -> Iterator[str]:
    """Where a spec differs from the registry."""
    if spec.get("entry_point") != known.entry_point:
        yield f"its entry point is {spec.get('entry_point')!r}"
    if spec.get("additional_wrappers"):
        yield "it has wrappers of its own"


def _task(name: Any, known: gym.envs.registration.EnvSpec) -> TaskSpec | None:
    """The task, if this machine knew it before. A folder that a record names may contain code."""
    registered = known.kwargs["task"]
    if name in (None, registered):
        return load_task(registered)
    return load_task(name) if isinstance(name, str) and name in task_folders() else None


def _holds(harmless: Harmless, value: Any, task: TaskSpec) -> bool:
    try:
        return harmless(value, task)
    except TypeError:  # such as a list instead of a name
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""The arguments of :class:`~mle_gym.env.MLEEnv` as one checked value: plain data, JSON all the way.

Checked when an environment is constructed, so that a mistyped name fails at once and not an hour
into a training run; nothing is imported or started for it.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.episode.rewards import check_reward
from mle_gym.episode.variants import check_variant
from mle_gym.sandbox.limits import Limits
from mle_gym.sandbox.protocol import PRELOAD
from mle_gym.text import nearest

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["FEEDBACK", "RESET_OPTIONS", "Settings"]

FEEDBACK = ("none", "validate", "score")
"""How much an agent may learn about a submission before it hands it in, least first."""

_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")

RESET_OPTIONS = ("variant", "train_rows", "obfuscate")
"""Settings that ``reset(options=…)`` may change for one episode."""


@dataclass(frozen=True)
class Settings:
    """Everything but the task and the render mode; see :class:`~mle_gym.env.MLEEnv`."""

    variant: int | str
    sandbox: str
    reward: str
    max_steps: int
    time_limit: float
    command_timeout: float | None
    feedback: str
    score_calls: int
    train_rows: int | None
    obfuscate: bool
    network: bool
    gpus: tuple[str, ...]
    runtime: str
    sandbox_python: Path | None
    packages: tuple[str, ...]
    limits: Limits
    warm: bool
    preload: tuple[str, ...]

    @classmethod
    def names(cls) -> frozenset[str]:
        """The arguments that :meth:`check` wants."""
        return frozenset(each.name for each in dataclasses.fields(cls))

    @classmethod
    def check(cls, task: TaskSpec, arguments: Mapping[str, Any]) -> Settings:
        """Check an environment's arguments and fill in what they leave to the task.

        Raises:
            ValueError: a value that can't be; the message names the argument, what was expected
                and what was found. A value of the wrong type is one of them.
        """
        given = dict(arguments)
        given["max_steps"] = _or(given["max_steps"], task.limits.steps)
        given["time_limit"] = _or(given["time_limit"], task.limits.seconds)
        for name in ("max_steps", "score_calls"):
            _integer(name, given[name], at_least=0 if name == "score_calls" else 1)
        given["time_limit"] = _seconds("time_limit", given["time_limit"])
        if given["command_timeout"] is not None:
            given["command_timeout"] = _seconds("command_timeout", given["command_timeout"])
        _one_of("feedback", given["feedback"], FEEDBACK)
        _sandbox(given["sandbox"])
        check_reward(_string("reward", given["reward"]), task)
        given["network"] = _boolean("network", given["network"])
        given["gpus"] = _gpus(given["gpus"])
        given["runtime"] = _runtime(given["runtime"], given["sandbox"])
        given["sandbox_python"] = _python(given["sandbox_python"])
        given["packages"] = _packages(given["packages"])
        given["warm"] = _boolean("warm", given["warm"])
        given["preload"] = _preload(given["preload"])
        given["limits"] = _limits(task, given["limits"] or {})
        return cls(**given | _episode_settings(given))

    def with_options(self, options: Mapping[str, Any] | None) -> Settings:
        """The settings of one episode: these, changed by what ``reset`` was given.

        Raises:
            ValueError: an unknown option, or a value that can't be.
        """
        changes = dict(options or {})
        for name in changes:
            _one_of("reset(options=…)", name, (*RESET_OPTIONS, "snapshot"))
        changes.pop("snapshot", None)
        if not changes:
            return self
        given = {name: getattr(self, name) for name in RESET_OPTIONS} | changes
        return dataclasses.replace(self, **_episode_settings(given))


def _episode_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """The checked values of :data:`RESET_OPTIONS`."""
    variant, rows = given["variant"], given["train_rows"]
    if rows is not None:
        _integer("train_rows", rows, at_least=1)
    return {
        "variant": check_variant(variant),
        "train_rows": rows,
        "obfuscate": _boolean("obfuscate", given["obfuscate"]),
    }


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def _integer(name: str, value: object, *, at_least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise ValueError(f"{name} must be an integer of at least {at_least}, not {value!r}")


def _seconds(name: str, value: object) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < float(value) < math.inf:  # type: ignore[arg-type]
        raise ValueError(f"{name} must be a positive number of seconds, not {value!r}")
    return float(value)  # type: ignore[arg-type]


def _boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, not {value!r}")
    return value


def _string(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string, not {value!r}")
    return value


def _one_of(name: str, value: object, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{name}: no such value {value!r}{nearest(value, known)}")


def _sandbox(name: object) -> None:
    from mle_gym.sandbox.backends import BACKENDS, backend_names

    if name not in ("auto", *BACKENDS):  # asking for those of other packages takes a while
        _one_of("sandbox", name, backend_names())


def _gpus(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str | int) or not isinstance(value, Sequence):
        raise ValueError(f"gpus must be a list of GPU indices or UUIDs, not {value!r}")
    return tuple(str(gpu) for gpu in value)


def _runtime(value: object, sandbox: str) -> str:
    if value is None:
        return ""
    if sandbox != "docker":
        raise ValueError(
            f"runtime={value!r} is Docker's to choose: use sandbox='docker', not {sandbox!r}"
        )
    return _string("runtime", value)


def _preload(value: object) -> tuple[str, ...]:
    if value is None:
        return PRELOAD
    names = _list("preload", value, "modules such as ['torch']")
    for name in names:
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(f"preload: {name!r} is not the name of a module")
    return names


def _packages(value: object) -> tuple[str, ...]:
    """Names of distributions, in an order of their own: sandboxes of equal ones are alike."""
    if value is None:
        return ()
    names = _list("packages", value, "distributions such as ['lightgbm']")
    for name in names:
        if not isinstance(name, str) or not _DISTRIBUTION.fullmatch(name):
            raise ValueError(f"packages: {name!r} is not the name of a distribution")
    return tuple(sorted(set(names)))


def _list(name: str, value: object, what: str) -> tuple[Any, ...]:
    items = () if isinstance(value, str) or not isinstance(value, Sequence) else tuple(value)
    if items != value and list(items) != value:
        raise ValueError(f"{name} must be a list of {what}, not {value!r}")
    return items


def _python(value: object) -> Path | None:
    if value is None:
        return None
    path = Path(_string("sandbox_python", value)).expanduser()
    if not path.is_file():
        raise ValueError(f"sandbox_python: there is no interpreter at {path}")
    return path.absolute()


def _limits(task: TaskSpec, changes: object) -> Limits:
    """The task's limits with the argument's changes."""
    if not isinstance(changes, Mapping):
        raise ValueError(f"limits must be a dict such as {{'memory_mb': 4096}}, not {changes!r}")
    known = {each.name: each.type for each in dataclasses.fields(Limits)}
    for name, value in changes.items():
        _one_of("limits", name, tuple(known))
        allowed = int if known[name] == "int" else (int, float)
        if isinstance(value, bool) or not isinstance(value, allowed) or not 0 < value < math.inf:
            raise ValueError(f"limits: {name} must be a positive number, not {value!r}")
    own = {name: getattr(task.limits, name) for name in ("memory_mb", "cpus", "disk_mb")}
    return Limits(**own | dict(changes))

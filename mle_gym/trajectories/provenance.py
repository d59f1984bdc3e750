"""What made an episode: everything that is required to judge its result, or to repeat it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import platform
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from mle_gym.datasets.keys import SECRET, secret_fingerprint
from mle_gym.datasets.prepare import task_digest
from mle_gym.datasets.rows_in_packages import files_with_rows
from mle_gym.env import MLEEnv
from mle_gym.sandbox import pack_files
from mle_gym.sandbox.backends import get_backend, shown
from mle_gym.sandbox.sandbox_config import SandboxConfig
from mle_gym.trajectories.stored_submission import pack_submission

if TYPE_CHECKING:
    from mle_gym.episode.settings import Settings
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["provenance", "result", "versions"]


_LIBRARIES = ("mle-gym", "gymnasium", "numpy", "pandas", "scikit-learn", "scipy")
_GYMNASIUMS_OWN = frozenset({"OrderEnforcing", "PassiveEnvChecker"})
"""Wrappers that ``gymnasium.make`` adds by default and that change nothing."""


def provenance(env: gym.Env[Any, Any], info: Mapping[str, Any]) -> dict[str, Any]:
    """What made the episode that ``env.reset`` just began and whose ``info`` it returned.

    ``settings`` contains the arguments of an :class:`~mle_gym.env.MLEEnv` with every default filled
    in. For any other environment it is None, as are the digests and ``backend``.
    """
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "task": info.get("task"),
        "variant": info.get("variant"),
        **_of_the_task(env),
        "env": _spec(env),
        "wrappers": _wrappers(env),
        "versions": versions(),
        "platform": platform.platform(),
    }


def result(env: gym.Env[Any, Any]) -> dict[str, Any]:
    """What the environment knows of an episode that is over, beyond its last step.

    ``submission`` is :func:`pack_submission` of the predictions that were graded, or None.
    ``program`` is the same of the files that made them (:func:`~mle_gym.sandbox.pack_files`),
    if a program was submitted. ``validate_calls`` and ``score_calls`` count how often the agent
    learned about a submission before the end.
    """
    ours = _unwrapped(env)
    if ours is None or ours.record is None:
        return {"validate_calls": None, "score_calls": None, "submission": None, "program": None}
    predictions, program = ours.record.predictions, ours.record.program
    return {
        "validate_calls": ours.record.validate_calls,
        "score_calls": ours.record.score_calls,
        "submission": None if predictions is None else pack_submission(predictions),
        "program": None if program is None else pack_submission(pack_files(program)),
    }


def versions() -> dict[str, str]:
    """What this process's datasets depend on: Python, the libraries, the secret's digest."""
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[library] = version(library)
    return found | {SECRET: secret_fingerprint()[:16] or "none"}


def _of_the_task(env: gym.Env[Any, Any]) -> dict[str, Any]:
    ours = _unwrapped(env)
    if ours is None or ours.record is None:
        nothing = ("digest", "task_digest", "backend", "packages", "masked", "settings")
        return dict.fromkeys(nothing)
    record = ours.record
    settings = dataclasses.asdict(record.settings)
    python = settings["sandbox_python"]
    return {
        "digest": record.dataset.digest,
        "task_digest": task_digest(ours.task),
        "backend": get_backend(record.settings.sandbox).name,
        **_shown(record.dataset.task, record.settings),
        "settings": settings | {"sandbox_python": None if python is None else str(python)},
    }


def _shown(task: TaskSpec, settings: Settings) -> dict[str, Any]:
    """The distributions that the agent sees, by version, and the files in them that are hidden."""
    config = SandboxConfig(python=settings.sandbox_python, packages=settings.packages)
    masked = files_with_rows(task, settings.sandbox, config)
    return {
        "packages": dict(shown(settings.sandbox, config).packages),
        "masked": [re.sub(r"^.*-packages/", "", path) for path in masked],
    }


def _unwrapped(env: gym.Env[Any, Any]) -> MLEEnv | None:
    """Our environment below the wrappers, if it is one of ours."""
    return env.unwrapped if isinstance(env.unwrapped, MLEEnv) else None


def _spec(env: gym.Env[Any, Any]) -> dict[str, Any] | None:
    """The environment's spec as JSON; None if it has none, or one that JSON can't express."""
    if env.spec is None:
        return None
    try:
        spec: dict[str, Any] = json.loads(env.spec.to_json())
    except (TypeError, ValueError):
        return None
    return spec


def _wrappers(env: gym.Env[Any, Any]) -> list[str]:
    """The names of the user's wrappers around the environment, outermost first."""
    names = []
    while isinstance(env, gym.Wrapper):
        names.append(type(env).__name__)
        env = env.env
    return [name for name in names if name not in _GYMNASIUMS_OWN]

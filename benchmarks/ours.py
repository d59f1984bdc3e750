"""mle_gym's environments, used in the ordinary way: ``gymnasium.make``, ``reset``, ``step``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium

import mle_gym  # noqa: F401  registers the tasks
from benchmarks.docker_exec import container_processes
from benchmarks.features import lacks
from benchmarks.measure import Skip
from benchmarks.programs import arguments_of
from mle_gym.sandbox.docker.daemon import OWNER_LABEL, identity

__all__ = ["Arguments", "EnvironmentSession", "make", "probe"]

ENDLESS = 10**6
"""The number of steps and of seconds, so that the budget doesn't end a measurement."""


@dataclass(frozen=True)
class Arguments:
    """The arguments by which the columns differ."""

    backend: str
    warm: bool

    def to_dict(self) -> dict[str, Any]:
        """The keyword arguments, without ``warm`` if Python is always cold."""
        warm = {} if lacks("warm") else {"warm": self.warm}
        return {"sandbox": self.backend, **warm}


def make(task: str, arguments: Arguments) -> gymnasium.Env[Any, Any]:
    """Make an environment of a task. Nothing is started."""
    name, more = arguments_of(task)
    return gymnasium.make(
        f"mle/{name}-v0", max_steps=ENDLESS, time_limit=ENDLESS, **more, **arguments.to_dict()
    )


def probe(arguments: Arguments) -> None:
    """Raise unless an episode can begin and run Python."""
    if arguments.warm and lacks("warm"):
        raise Skip(lacks("warm"))
    session = EnvironmentSession("titanic", arguments)
    try:
        session.write("probe.py", "import sys\n")
        session.script("probe.py")
    finally:
        session.close()


class EnvironmentSession:
    """One environment with a running episode."""

    def __init__(self, task: str, arguments: Arguments) -> None:
        self._backend = arguments.backend
        self.env = make(task, arguments)
        try:
            self.reset()
        except BaseException:
            self.close()
            raise

    def reset(self) -> None:
        self.env.reset(seed=0)

    def trivial(self) -> None:
        self._succeed("true")

    def shell(self, command: str) -> None:
        self._succeed(command)

    def write(self, path: str, content: str) -> None:
        self._succeed({"tool": "write_file", "path": path, "content": content})

    def script(self, path: str) -> None:
        self._succeed(f"python {path}")

    def cell(self, code: str) -> None:
        self._succeed({"tool": "python", "code": code})

    def submit(self, path: str) -> float:
        observation, _, terminated, _, info = self.env.step({"tool": "submit", "path": path})
        if not terminated:
            raise RuntimeError(f"not submitted: {observation['output'][-300:]}")
        return float(info["grade"]["score"])

    def snapshot(self) -> Callable[[], object]:
        found: Any = self.env.unwrapped.snapshot()  # type: ignore[attr-defined]
        delete: Callable[[], object] = getattr(found, "delete", lambda: None)
        return delete

    def fork(self) -> Callable[[], object]:
        twin: Any = self.env.unwrapped.fork()  # type: ignore[attr-defined]
        twin.step("true")
        close: Callable[[], object] = twin.close
        return close

    def processes(self) -> set[int]:
        if self._backend != "docker":
            return set()
        return container_processes(f"{OWNER_LABEL}={identity(os.getpid())}")

    def close(self) -> None:
        self.env.close()

    def _succeed(self, action: Any) -> None:
        observation, _, _, _, info = self.env.step(action)
        if observation["exit_code"]:
            fault = info.get("failure") or observation["output"][-300:]
            raise RuntimeError(f"{str(action)[:60]!r}: {fault}")

"""A host process that executes commands, so that tests can kill, stop and interrupt it.

It reads one command per line from standard input and answers with one line, both in JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from typing import Any

import gymnasium

import mle_gym
from mle_gym.sandbox import exchange, runner_client
from mle_gym.sandbox.bubblewrap import launcher_client
from mle_gym.sandbox.docker import daemon


class Host:
    """One environment and what may be done with it."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._env = gymnasium.make("mle/zoo-v0", **arguments)

    def reset(self, _: Any) -> dict[str, Any]:
        observation, _ = self._env.reset(seed=0)
        return {"output": observation["output"]}

    def step(self, action: Any) -> dict[str, Any]:
        observation, reward, terminated, truncated, info = self._env.step(action)
        return {
            "output": observation["output"],
            "exit_code": int(observation["exit_code"]),
            "reward": float(reward),
            "over": terminated or truncated,
            "failure": info["failure"],
            "grade": info.get("grade"),
        }

    def snapshot(self, _: Any) -> dict[str, Any]:
        self._env.unwrapped.snapshot().delete()  # type: ignore[attr-defined]
        return {}

    def close(self, _: Any) -> dict[str, Any]:
        self._env.close()
        return {}


class Interrupts:
    """Admits one Ctrl-C during each command and none between commands."""

    def __init__(self) -> None:
        self.allowed = False
        signal.signal(signal.SIGINT, self._handle)

    def _handle(self, number: int, frame: Any) -> None:
        if self.allowed:
            self.allowed = False
            raise KeyboardInterrupt


def main() -> None:
    """Serve until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    options = json.loads(sys.argv[1])
    for module, name, value in (
        (runner_client, "_GRACE_SECONDS", options["patience"]),
        (runner_client, "_START_SECONDS", options["patience"]),
        (exchange, "_BUSY_SECONDS", options["patience"]),
        (runner_client, "_FILE_SECONDS", options["patience"]),
        (launcher_client, "_ANSWER_SECONDS", options["patience"]),
        (daemon, "_DAEMON_SECONDS", options["patience"]),
    ):
        assert hasattr(module, name), f"{module}.{name} is gone"
        setattr(module, name, value)
    server = Host(options["arguments"])
    interrupts = Interrupts()
    answers.write(json.dumps({"version": mle_gym.__version__}) + "\n")
    for line in sys.stdin:
        order, argument = json.loads(line)
        try:
            interrupts.allowed = True
            answer = getattr(server, order)(argument)
            interrupts.allowed = False
        except KeyboardInterrupt:
            answer = {"raised": "KeyboardInterrupt"}
        except Exception as error:
            interrupts.allowed = False
            answer = {"raised": type(error).__name__, "message": str(error)}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()

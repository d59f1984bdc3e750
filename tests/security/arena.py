"""An episode in which attacks are tried, and the defences that can be switched off in it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gymnasium as gym
import pytest

from mle_gym.sandbox.bubblewrap import backend, bwrap_arguments
from tests.security.attack import MARKER, Attack, exports
from tests.security.bait import TASK, Bait

LONG = {"max_steps": 100_000, "time_limit": 36_000.0}


class Arena:
    """A real environment, in which attacks run one after another."""

    def __init__(self, sandbox: str, variables: Mapping[str, str], **options: Any) -> None:
        self.sandbox, self._exports = sandbox, exports(dict(variables))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # `subprocess` gives one on purpose
            self.env = gym.make(f"mle/{TASK}-v0", sandbox=sandbox, **LONG | options)
            self.env.reset(seed=0)
        self._exports += f"cd {self.run('pwd').strip()}\n"

    def run(self, command: str, timeout: float = 20.0) -> str:
        """The output of a command, after which the episode must go on."""
        text = self._exports + command
        observation, _, _, truncated, info = self.env.step(
            {"tool": "shell", "command": text, "timeout": timeout}
        )
        assert info["reward_valid"], info
        assert not truncated
        return str(observation["output"])

    def suffers(self, attack: Attack) -> bool:
        """Whether an attack works here."""
        return MARKER in self.run(attack.command, attack.timeout)

    def close(self) -> None:
        """End the episode."""
        self.env.close()


Weaken = Callable[[pytest.MonkeyPatch], None]


def _without(*unwanted: str) -> Weaken:
    """Leave out one of bubblewrap's arguments and its values."""

    def weaken(patch: pytest.MonkeyPatch) -> None:
        complete = backend.bwrap_arguments

        def arguments(*given: Any) -> list[Any]:
            made, size = complete(*given), len(unwanted)
            at = next(n for n in range(len(made)) if tuple(made[n : n + size]) == unwanted)
            return made[:at] + made[at + size :]

        patch.setattr(backend, "bwrap_arguments", arguments)

    return weaken


def _unfiltered(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(bwrap_arguments, "filter_program", lambda: None)


WEAKNESSES: dict[str, tuple[Weaken, ...]] = {
    "without filter": (_unfiltered,),
    "with user namespaces": (_unfiltered, _without("--disable-userns")),
    "with network": (_without("--unshare-net"),),
}
"""The defences of bubblewrap that can be left out, by name."""


@contextlib.contextmanager
def weakened(name: str) -> Iterator[None]:
    """Sandboxes that are made in this block lack a defence."""
    with pytest.MonkeyPatch.context() as patch:
        for weaken in WEAKNESSES[name]:
            weaken(patch)
        yield


class Exposed:
    """Where attacks should work: arenas without isolation, or without one defence."""

    def __init__(self, bait: Bait) -> None:
        self._bait, self._arenas = bait, contextlib.ExitStack()
        self._made: dict[str, Arena] = {}

    def suffers(self, attack: Attack) -> bool:
        """Whether it works there."""
        if attack.works == "bare":
            return self._suffers_bare(attack)
        if attack.works not in self._made:
            self._made[attack.works] = self._make(attack.works)
        worked = self._made[attack.works].suffers(attack)
        if not worked and attack.optional and not self._suffers_bare(attack):
            pytest.skip("this machine's kernel does not have what the attack uses")
        return worked

    def close(self) -> None:
        """End all episodes."""
        self._arenas.close()

    def _make(self, name: str) -> Arena:
        if name in WEAKNESSES:
            with weakened(name):
                arena = Arena("bubblewrap", self._bait.variables, warm=False)
        else:
            self._arenas.callback(with_neighbour(name, self._bait).close)
            arena = Arena(name, self._bait.variables)
        self._arenas.callback(arena.close)
        return arena

    def _suffers_bare(self, attack: Attack) -> bool:
        """Whether it works in a child process, for attacks that even ``subprocess`` prevents."""
        command = ["bash", "-c", attack.command.replace("python3", sys.executable)]
        done = subprocess.run(
            command, env=dict(os.environ) | self._bait.variables, capture_output=True, check=False
        )
        return MARKER.encode() in done.stdout


def with_neighbour(sandbox: str, bait: Bait) -> Arena:
    """Another episode, with the secret in its workspace."""
    neighbour = Arena(sandbox, {})
    neighbour.env.step({"tool": "write_file", "path": "neighbour.txt", "content": bait.word})
    return neighbour

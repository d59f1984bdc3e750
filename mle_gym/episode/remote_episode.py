"""An episode that a server plays (``mle-gym serve``), for an environment that is here.

Each episode has a connection of its own, on which OpenEnv's protocol is spoken: JSON over
WebSocket, one reply for each message. So nothing of an episode outlives its connection, and a
server that was restarted simply plays the next episode.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import numpy as np
from gymnasium.error import ResetNeeded

from mle_gym.episode.failures import KINDS, Failure
from mle_gym.episode.live_output import ShowOutput
from mle_gym.episode.outcome import Info, Outcome
from mle_gym.episode.server_connection import ServerConnection, connect_and_reset
from mle_gym.episode.settings import Settings
from mle_gym.errors import SandboxCrashed, SandboxError, SnapshotError
from mle_gym.sandbox.protocol import Execution
from mle_gym.text import clean_text

__all__ = ["RemoteEpisode"]


class RemoteEpisode:
    """Has the methods of :class:`~mle_gym.episode.episode.Episode` that environments call.

    Args:
        task: The id of the environment, ``mle/titanic-v0``, which the server also must have.
        settings: Those that the server doesn't decide are sent to it.
        variant: The one that was drawn.

    Raises:
        SandboxUnavailable: The server can't be reached, is full, or refuses the token.
        TaskError: It doesn't have the task.
        DatasetError: It can't prepare the data.
        ValueError: It refuses an argument.
    """

    def __init__(self, task: str, settings: Settings, variant: int) -> None:
        self.settings = settings
        self._turn = threading.RLock()
        self._closed = False
        self._over = False
        self._connection, reply = connect_and_reset(task, settings, variant)
        self._observation, self._facts = _observation(reply), Info(_part(reply, "info"))
        self._parts: dict[str, float] = {}

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._over

    def opening(self) -> tuple[dict[str, Any], Info]:
        """What ``reset`` returns."""
        return self._observation, self._facts

    def step(self, action: Any, on_output: ShowOutput | None = None) -> Outcome:
        """Have the server take one action. If that fails, the outcome has a failure.

        Args:
            action: What to do.
            on_output: Is shown nothing: the protocol has one message for a whole step.

        Raises:
            ResetNeeded: The episode is over.
        """
        return self._play(lambda connection: connection.step(action))

    def finish(self) -> Outcome:
        """End now, as if the budget were spent; raises what :meth:`step` raises."""
        return self._play(lambda connection: connection.finish())

    def _play(self, ask: Callable[[ServerConnection], dict[str, Any]]) -> Outcome:
        with self._turn:
            if self._over:
                raise ResetNeeded("the episode is over: call reset() first")
            try:
                outcome = _outcome(ask(self._connection))
            except SandboxError as error:
                outcome = self._failed(error)
            self._over = outcome.terminated or outcome.truncated
            self._observation = outcome.observation
            self._parts = outcome.info["reward_parts"]
            return outcome

    def _failed(self, error: SandboxError) -> Outcome:
        """The outcome of a step whose reply never came."""
        if self._closed:
            error.kind = "interrupted"
        failure = Failure.of(error, "step")
        why = KINDS[failure.kind].meaning
        output = f"the episode failed ({failure.kind}): {why}\n"
        info = Info(task=self._facts["task"], variant=self._facts["variant"], reward_valid=False)
        info.add_execution(Execution(255, b""))
        info["reward_parts"] = dict.fromkeys(self._parts, 0.0)
        info["failure"] = failure.to_dict()
        observation = self._observation | {"output": output, "exit_code": 255}
        return Outcome(observation, 0.0, False, True, info)

    def names(self, folder: str | None) -> list[str]:
        """None: OpenEnv's protocol has no such question, so nothing is completed."""
        return []

    def snapshot(self) -> NoReturn:
        """Refuse: a snapshot's files would be on the server.

        Raises:
            SnapshotError: Always.
        """
        raise SnapshotError(
            "an episode on a server has no snapshots and no forks: play it here, without remote="
        )

    def record(self) -> None:
        """Nothing: the data, the grader and what was handed in are on the server."""

    def interrupt(self) -> None:
        """End the running command. From any thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """Leave the server, which frees the episode; a step in another thread ends immediately."""
        self._closed = True
        self._connection.close()

    discard = close


def _outcome(reply: Mapping[str, Any]) -> Outcome:
    """The outcome that a reply describes.

    Raises:
        SandboxCrashed: It describes none.
    """
    with _expected():
        values = reply["observation"]
        info = Info(values["info"])
        info["reward_parts"] = {name: float(part) for name, part in info["reward_parts"].items()}
        # A failed episode has no reward in the protocol, so that no trainer takes it for a 0.
        reward = float(reply["reward"]) if info["reward_valid"] else 0.0
        return Outcome(_observation(reply), reward, values["terminated"] is True,
                       values["truncated"] is True, info)  # fmt: skip


def _observation(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The observation in a reply; its text is cleaned again, since it may come from anyone."""
    with _expected():
        values = reply["observation"]
        return {
            "output": clean_text(values["output"]),
            "exit_code": int(values["exit_code"]),
            "steps_left": int(values["steps_left"]),
            "seconds_left": np.array([float(values["seconds_left"])]),
        }


def _part(reply: Mapping[str, Any], name: str) -> dict[str, Any]:
    with _expected():
        return {**reply["observation"][name]}


@contextlib.contextmanager
def _expected() -> Iterator[None]:
    """Turn what is missing in a reply, or of another type, into an error that says so."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SandboxCrashed(
            f"the server answers, but not as `mle-gym serve` does ({type(error).__name__}: "
            f"{json.dumps(str(error))})",
            kind="server_unavailable",
        ) from None

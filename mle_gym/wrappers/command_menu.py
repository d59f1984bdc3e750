"""A menu of commands, so that an agent chooses by a ``Discrete`` action."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete
from gymnasium.utils import RecordConstructorArgs

from mle_gym.episode.actions.action import RawAction
from mle_gym.episode.actions.parse import parse_action
from mle_gym.errors import ActionError

__all__ = ["CommandMenu"]

Environment = gymnasium.Env[Any, RawAction]


class CommandMenu(
    gymnasium.ActionWrapper[Any, np.int64 | int, RawAction],
    RecordConstructorArgs,
):
    """Action ``i`` performs ``commands[i]``.

    >>> env = CommandMenu(gymnasium.make("mle/titanic-v0"), ["python small.py && submit", "ls"])
    >>> env.action_space
    Discrete(2)

    Args:
        env: An environment whose actions are shell scripts or tool calls.
        commands: The actions to choose from, in either form.

    Raises:
        ValueError: There are no commands, or one is malformed.
    """

    def __init__(self, env: Environment, commands: Sequence[RawAction]) -> None:
        RecordConstructorArgs.__init__(self, commands=list(commands))
        super().__init__(env)
        if not commands or isinstance(commands, str):
            raise ValueError(f"commands must be a list of at least one action, not {commands!r}")
        for number, command in enumerate(commands):
            try:
                parse_action(command)
            except ActionError as error:
                raise ValueError(f"commands[{number}]: {error}") from None
        self.commands = tuple(copy.deepcopy(list(commands)))
        self.action_space = Discrete(len(self.commands))

    def action(self, action: np.int64 | int) -> RawAction:
        """The command behind a number.

        Raises:
            IndexError: There is no such command.
        """
        if action not in self.action_space:
            raise IndexError(f"action {action!r} is not in a menu of {len(self.commands)} commands")
        return copy.deepcopy(self.commands[int(action)])

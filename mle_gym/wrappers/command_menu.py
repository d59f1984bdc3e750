"""A menu of commands, so that an agent chooses by a ``Discrete`` action."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
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
        allowed: Says which may be chosen, one boolean for each, after the numbers that were chosen
            in this episode. By default all may be. What is not allowed still works: the mask is for
            trainers, which ask :meth:`action_masks` for it.

    Raises:
        ValueError: There are no commands, or one is malformed.
    """

    def __init__(
        self,
        env: Environment,
        commands: Sequence[RawAction],
        allowed: Callable[[tuple[int, ...]], Sequence[bool]] | None = None,
    ) -> None:
        RecordConstructorArgs.__init__(self, commands=list(commands), allowed=allowed)
        super().__init__(env)
        if not commands or isinstance(commands, str):
            raise ValueError(f"commands must be a list of at least one action, not {commands!r}")
        for number, command in enumerate(commands):
            try:
                parse_action(command)
            except ActionError as error:
                raise ValueError(f"commands[{number}]: {error}") from None
        self.commands = tuple(copy.deepcopy(list(commands)))
        self.allowed = allowed
        self.chosen: tuple[int, ...] = ()
        """The numbers that were chosen in this episode. A reset to a snapshot begins with none."""
        self.action_space = Discrete(len(self.commands))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, as the environment inside does."""
        opening = super().reset(seed=seed, options=options)
        self.chosen = ()
        return opening

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Which commands may be chosen now: booleans of shape ``(len(commands),)``.

        This is what sb3-contrib's ``MaskablePPO`` asks for.

        Raises:
            ValueError: ``allowed`` gave another number of booleans, or forbids every command.
        """
        count = len(self.commands)
        given = [True] * count if self.allowed is None else self.allowed(self.chosen)
        mask = np.asarray(given, dtype=np.bool_)
        if mask.shape != (count,) or not mask.any():
            raise ValueError(f"allowed({self.chosen}) must give {count} booleans, not {given!r}")
        return mask

    def action(self, action: np.int64 | int) -> RawAction:
        """The command behind a number.

        Raises:
            IndexError: There is no such command.
        """
        if action not in self.action_space:
            raise IndexError(f"action {action!r} is not in a menu of {len(self.commands)} commands")
        self.chosen += (int(action),)
        return copy.deepcopy(self.commands[int(action)])

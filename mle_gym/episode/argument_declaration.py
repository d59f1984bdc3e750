"""How one argument of an environment is declared: its default, its values, and what it means."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mle_gym.episode.argument_kinds import Kind

__all__ = ["Argument"]


@dataclass(frozen=True)
class Argument:
    """The declaration of one argument, except its name and its type.

    If the default is None, None may also be given.
    """

    default: Any
    kind: Kind
    meaning: str
    """For tables, so no longer than fits on a line of a terminal."""
    otherwise: str = ""
    """What None stands for, in words: ``the task's``."""
    unset: Any = None
    """What settings store instead of None."""
    of_an_episode: bool = False
    """Whether ``reset(options=…)`` may change it for one episode."""
    of_the_machine: bool = False
    """Whether the machine that plays an episode decides it, so that clients of a server can't."""
    link: str = ""
    """Where the documents explain more, relative to their folder."""

    @property
    def shown_default(self) -> str:
        """The default in words, or in backticks as JSON or Python write it."""
        if self.otherwise:
            return self.otherwise
        return f'`"{self.default}"`' if isinstance(self.default, str) else f"`{self.default}`"

    def check(self, name: str, value: Any) -> Any:
        """The value as settings store it.

        Raises:
            ValueError: The value is not valid; the message says what was expected and found.
        """
        if value is None and self.default is None:
            return self.unset
        return self.kind.check(name, value)

    def parse(self, word: str) -> Any:
        """The value that a word on a command line stands for, not yet checked."""
        if self.kind.is_text and not (word == "null" and self.default is None):
            return word
        try:
            return json.loads(word)
        except ValueError:
            return word

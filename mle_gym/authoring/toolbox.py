"""A family's programs as choices: one word for each axis in which their commands differ."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Self

from mle_gym.authoring.family_programs import load_programs
from mle_gym.errors import TaskError
from mle_gym.tasks.catalog import load_task

__all__ = ["Toolbox", "Words"]

Words = tuple[str, ...]

_VALIDATION = re.compile(r"^validation: *(-?[\d.]+(?:e[-+]?\d+)?)$", re.MULTILINE)


@dataclass(frozen=True)
class Toolbox:
    """What an agent that learns or searches may write in a family."""

    task: str
    """The family's id."""
    template: Words
    places: tuple[int, ...]
    """Where a command has the words of the axes."""
    axes: tuple[Words, ...]
    """The words of each axis."""
    worst: float
    best: float
    """The metric's bounds, of which either may be infinite."""

    @classmethod
    def of(cls, name: str) -> Self:
        """The toolbox of a family.

        Raises:
            TaskError: Its programs differ in more than single words.
        """
        task = load_task(name)
        rows = [tuple(program.command.split()) for program in load_programs(task).program]
        if len({len(row) for row in rows}) != 1:
            raise TaskError(f"{name}: expected programs that differ in single words")
        columns = [tuple(dict.fromkeys(column)) for column in zip(*rows, strict=True)]
        places = tuple(at for at, column in enumerate(columns) if len(column) > 1)
        axes = tuple(columns[at] for at in places)
        return cls(task.id, rows[0], places, axes, task.grade.worst, task.grade.best)

    def command(self, words: Words) -> str:
        """The shell command with these words."""
        chosen = dict(zip(self.places, words, strict=True))
        return " ".join(chosen.get(at, word) for at, word in enumerate(self.template))

    def read(self, output: str) -> float | None:
        """How good a fit says it was, more being better; None after an error.

        It is 1 for the metric's best and 0 for its worst value, if both are finite.
        """
        found = _VALIDATION.findall(output)
        if not found:
            return None
        value = float(found[-1])
        if math.isfinite(self.best - self.worst):
            return (value - self.worst) / (self.best - self.worst)
        return value if self.best > self.worst else -value

"""Reads a family's ``programs.toml``: what it is measured with beside baseline and solution.

    [[program]]
    name = "linear-log"
    command = "python data/lab.py --model linear --target log"
    assumes = { shape = "linear", link = "multiplicative" }

A *program* is an honest one that fits one model: a shell command that writes the submission and
prints as its last line ``validation: 0.42``, its own estimate of its score in the metric's units.
``assumes`` says for which structures it is right, a value or a list of them for each axis.

A *patch* (``[[patch]]`` with ``name`` and ``command``) is an answer that is the same for every
variant. Families that are graded by the right program's outputs have patches in place of programs.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mle_gym.datasets.sources.generated import axes_of
from mle_gym.errors import TaskError
from mle_gym.regular_files import read_whole
from mle_gym.tasks.field_problems import FieldProblem, problem_lines

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["FILE", "FamilyPrograms", "Patch", "Program", "load_programs"]

FILE = "programs.toml"
MOST_BYTES = 2**20

Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        description="a name of lower-case words with hyphens",
        max_length=60,
    ),
]
Command = Annotated[
    str, Field(min_length=1, max_length=10_000, description="a shell command for the workspace")
]
Value = str | bool | int | float


class Patch(BaseModel):
    """An answer that is the same for every variant."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Name
    command: Command


class Program(Patch):
    """An honest program that fits one model and says how well it expects to do."""

    assumes: dict[str, Value | list[Value]] = Field(
        default={}, description="a structure's values, by axis"
    )

    def is_right(self, axis: str, value: Any) -> bool | None:
        """Whether it assumes what is so; None if it assumes nothing about the axis."""
        if axis not in self.assumes:
            return None
        assumed = self.assumes[axis]
        return value in (assumed if isinstance(assumed, list) else [assumed])


class FamilyPrograms(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    program: list[Program] = Field(default=[], description="tables [[program]]")
    patch: list[Patch] = Field(default=[], description="tables [[patch]]")


def load_programs(task: TaskSpec) -> FamilyPrograms:
    """The programs of a family; none where it has no such file.

    Raises:
        TaskError: The file is broken; one line a problem, each with file, field, what was expected
            and what was found.
    """
    file = task.folder / FILE
    if not file.exists():
        return FamilyPrograms()
    try:
        found = FamilyPrograms.model_validate(_read(file))
        _check_names(found)
        _check_assumptions(found, axes_of(task))
    except ValidationError as error:
        raise TaskError("\n".join(problem_lines(file, error, FamilyPrograms))) from None
    except FieldProblem as problem:
        raise TaskError(f"{file}: {problem}") from None
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_whole(file, MOST_BYTES).decode())
    except OSError as error:
        raise TaskError(f"{file}: expected a readable file, found: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise TaskError(f"{file}: expected TOML in UTF-8, found: {error}") from None


def _check_names(programs: FamilyPrograms) -> None:
    seen: set[str] = set()
    for kind, entries in (("program", programs.program), ("patch", programs.patch)):
        for at, entry in enumerate(entries):
            if entry.name in seen:
                raise FieldProblem(f"{kind}.{at}.name", "a name of its own", entry.name)
            seen.add(entry.name)


def _check_assumptions(programs: FamilyPrograms, axes: dict[str, tuple[Any, ...]]) -> None:
    """Whether what programs assume are axes and values of the generator's STRUCTURES."""
    for at, program in enumerate(programs.program):
        for axis, assumed in program.assumes.items():
            field = f"program.{at}.assumes.{axis}"
            if axis not in axes:
                wanted = f"an axis of STRUCTURES in generate.py ({', '.join(axes) or 'none'})"
                raise FieldProblem(field, wanted, axis)
            for value in assumed if isinstance(assumed, list) else [assumed]:
                if value not in axes[axis]:
                    wanted = f"a value of that axis ({', '.join(map(repr, axes[axis]))})"
                    raise FieldProblem(field, wanted, value)

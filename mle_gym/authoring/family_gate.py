"""Is a family worth training on? Plays its programs on many variants and judges what they reach.

The criteria are about the family as a whole: :mod:`mle_gym.authoring.validate_task` checks what one
dataset can show.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from mle_gym.authoring.family_criteria import (
    MOST_VARIANTS_OF_REFERENCES,
    Criterion,
    Measured,
    judge,
)
from mle_gym.authoring.family_measures import blind_scores, prepare_seconds, why_no_levels
from mle_gym.authoring.family_programs import FamilyPrograms, load_programs
from mle_gym.authoring.play_programs import Play, Played, play_all
from mle_gym.authoring.visible_sizes import visible_sizes
from mle_gym.datasets.dataset import DatasetOptions, Size
from mle_gym.datasets.prepare import prepare
from mle_gym.datasets.sources.generated import axes_of, structure_of
from mle_gym.errors import TaskError

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Criterion", "GateReport", "validate_family"]

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
VARIANTS_BY_LEVEL = 8
REFERENCES = ("baseline", "solution")


@dataclass(frozen=True)
class GateReport:
    """What was measured of a family, and whether it is enough."""

    task: str
    variants: int
    size: Size
    difficulty: float
    combinations: int
    """Of the values of its structures."""
    programs: int
    patches: int
    baseline: float | None
    """Its mean anchored score."""
    solution: float | None
    criteria: list[Criterion]
    outcomes: dict[str, Any] = field(repr=False, default_factory=dict)
    """By program: its mean anchored score, and how often it is the best one."""

    @property
    def refused(self) -> list[Criterion]:
        """What a family must do and this one doesn't."""
        return [each for each in self.criteria if each.passed is False]

    @property
    def open(self) -> list[Criterion]:
        """What has not been shown, such as anything about programs where there are none."""
        return [each for each in self.criteria if each.passed is None]

    @property
    def learnable(self) -> bool:
        """Whether there is something to find out, and looking finds it."""
        return not self.refused and not self.open

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return asdict(self) | {"learnable": self.learnable}


def validate_family(
    task: TaskSpec,
    variants: int,
    *,
    size: Size = "micro",
    difficulty: float = 0.5,
    training: bool = False,
    workers: int = 1,
    sandbox: str = "auto",
    on_played: Callable[[Play, int], None] = lambda play, left: None,
) -> GateReport:
    """Measure a family, and judge it.

    Args:
        task: A task whose data are generated.
        variants: How many variants the programs play: 64 for a verdict, fewer for a first look.
        size: How much data they have.
        difficulty: How hard they are.
        training: Play training variants, in place of held-out ones.
        workers: How many episodes run at a time.
        sandbox: Name of the sandbox backend.
        on_played: As :func:`~mle_gym.authoring.play_programs.play_all` has it.

    Raises:
        TaskError: The task is no family, its ``programs.toml`` is broken, or its solution fails.
        DatasetError: A variant can't be prepared.
        SandboxError: The machinery failed in an episode. What was played is kept.
    """
    if task.data.loader != "generate":
        raise TaskError(f"{task.id}: expected a task whose data are generated, found real data")
    for name in REFERENCES:
        if not (task.folder / f"{name}.py").is_file():
            raise TaskError(f"{task.folder / name}.py: expected a program, found none")
    programs = load_programs(task)
    sign = 1 if training else -1
    numbers = [sign * (at + 1) for at in range(variants)]
    tried = _Tried(task, programs, numbers, size, difficulty, sandbox)
    played = play_all(task, tried.plays, workers=workers, sandbox=sandbox, on_played=on_played)
    measured = tried.measured(dict(zip(tried.plays, played, strict=True)))
    return GateReport(
        task=task.id,
        variants=variants,
        size=size,
        difficulty=difficulty,
        combinations=math.prod(map(len, measured.axes.values())),
        programs=len(programs.program),
        patches=len(programs.patch),
        baseline=_mean(measured.references["baseline"]),
        solution=_mean(measured.references["solution"]),
        criteria=judge(measured),
        outcomes=measured.by_program(),
    )


class _Tried:
    """All that is played of a family."""

    def __init__(
        self,
        task: TaskSpec,
        programs: FamilyPrograms,
        variants: list[int],
        size: Size,
        difficulty: float,
        sandbox: str,
    ) -> None:
        self._task, self._programs, self._variants = task, programs, variants
        self._size, self._difficulty, self._sandbox = size, difficulty, sandbox
        self._no_levels = why_no_levels(task, size)
        few = variants[:MOST_VARIANTS_OF_REFERENCES]
        self._references = {name: [self._reference(name, v) for v in few] for name in REFERENCES}
        self._levels = {
            level: [self._level(level, variant) for variant in variants[:VARIANTS_BY_LEVEL]]
            for level in ([] if self._no_levels else LEVELS)
        }
        self._by_program = {
            each.name: [Play(each.name, each.command, v, size, difficulty) for v in variants]
            for each in (*programs.program, *programs.patch)
        }

    @property
    def plays(self) -> list[Play]:
        """The quick ones first: they show early what is broken."""
        groups = (self._references, self._levels, self._by_program)
        every = [play for group in groups for plays in group.values() for play in plays]
        return list(dict.fromkeys(every))

    def measured(self, played: dict[Play, Played]) -> Measured:
        """What came of the plays, by what they are for."""
        task = self._task
        axes = axes_of(task)
        return Measured(
            variants=len(self._variants),
            size=self._size,
            references={name: [played[p] for p in ps] for name, ps in self._references.items()},
            levels={level: [played[p] for p in ps] for level, ps in self._levels.items()},
            no_levels=self._no_levels,
            programs=self._programs,
            played={name: [played[p] for p in ps] for name, ps in self._by_program.items()},
            axes=axes,
            structures=[structure_of(task, v) for v in self._variants] if axes else [],
            sizes=[visible_sizes(prepare(task, each)) for each in self._datasets()] if axes else [],
            blind=blind_scores(task, self._datasets()[:VARIANTS_BY_LEVEL], self._sandbox),
            prepare_micro=prepare_seconds(task, "micro"),
            prepare_small=prepare_seconds(task, "small"),
        )

    def _datasets(self) -> list[DatasetOptions]:
        return [
            DatasetOptions(v, size=self._size, difficulty=self._difficulty) for v in self._variants
        ]

    def _reference(self, name: str, variant: int) -> Play:
        file = f"{name}.py"
        command = f"python {file}"
        return Play(name, command, variant, self._size, self._difficulty, file, interval=True)

    def _level(self, level: float, variant: int) -> Play:
        return Play("baseline", "python baseline.py", variant, self._size, level, "baseline.py")


def _mean(played: list[Played]) -> float | None:
    return sum(each.anchored for each in played) / len(played) if played else None

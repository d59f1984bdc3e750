"""The rows: what is measured, in which unit, and the column to compare with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks import operations
from benchmarks.contenders import Contender
from benchmarks.context import Context, Scale
from benchmarks.measure import Operation
from benchmarks.programs import IMPORTS, TRAINING

__all__ = ["Row", "all_rows"]

BARE, SCRIPTED = ("bare bash", "bare python"), ("bare python",)
EXEC = ("docker exec", "bare python", "bare bash")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    """The name for ``--only``."""
    what: str
    unit: str
    baseline: tuple[str, ...]
    """The columns to compare with. The first one that was measured is used."""
    prepare: Callable[[Context, Contender], Operation]
    repeats: int
    higher_is_better: bool = False
    warm_up: bool = True


def all_rows(scale: Scale) -> list[Row]:
    """Every row at that scale."""
    return [
        Row("import", "import it in a new Python", "ms", SCRIPTED, operations.import_package, 10),
        Row("make", "gymnasium.make and close", "ms", (), operations.make_and_close, 50),
        Row("reset", "reset, dataset prepared", "ms", EXEC, operations.reset_episode, 30),
        Row("trivial-step", "trivial step: `true`", "ms", BARE, operations.trivial_step, 200),
        Row("import-step", "step: import pandas, sklearn.ensemble", "ms", SCRIPTED,
            partial(operations.script_step, IMPORTS), 10),
        Row("training-step", "step: train a small random forest", "ms", SCRIPTED,
            partial(operations.script_step, TRAINING), 10),
        Row("cell", "a cell in a live interpreter: `1+1`", "ms", SCRIPTED,
            operations.live_cell, 200),
        Row("micro-episode", "a micro episode: 50 rows, one fit", "ms", SCRIPTED,
            partial(operations.micro_episode, False), 10),
        Row("micro-cell", "a micro episode, its program a cell", "ms", SCRIPTED,
            partial(operations.micro_episode, True), 10),
        Row("episode", "a whole Titanic episode", "ms", EXEC, operations.whole_episode, 10),
        Row("grading", "grade a Titanic submission", "ms", SCRIPTED,
            operations.grade_submission, 30),
        Row("snapshot", f"snapshot: {_workspace(scale)}, 1 MB changed", "ms", BARE,
            partial(operations.snapshot_or_fork, "snapshot"), 10),
        Row("fork", f"fork: {_workspace(scale)}, 1 MB changed", "ms", BARE,
            partial(operations.snapshot_or_fork, "fork"), 10),
        Row("idle-pss", "memory of an idle environment, PSS", "MiB", BARE,
            partial(operations.memory_of_sessions, "pss", scale.idle, True), 3),
        Row("idle-uss", "memory of an idle environment, USS", "MiB", BARE,
            partial(operations.memory_of_sessions, "uss", scale.idle, True), 3),
        Row("program-uss", "memory of a program with pandas, sklearn, USS", "MiB", SCRIPTED,
            operations.memory_of_program, 3),
        Row("many", f"memory of {scale.environments} that step, PSS", "MiB", BARE,
            partial(operations.memory_of_sessions, "pss", scale.environments, False), 1,
            warm_up=False),
        *(Row(f"throughput-{count}", f"Titanic episodes, {count} at once", "1/s", EXEC,
              partial(operations.throughput, count), 3, higher_is_better=True, warm_up=False)
          for count in scale.parallel),
        *(Row(f"micro-{how}-throughput-{count}", f"micro episodes{words}, {count} at once", "1/s",
              SCRIPTED, partial(operations.throughput_of_micro_episodes, in_a_cell, count), 3,
              higher_is_better=True, warm_up=False)
          for count in scale.parallel[:2]
          for how, words, in_a_cell in (("episode", "", False), ("cell", " in cells", True))),
        *(Row(f"reset-{size}-mb", f"reset, dataset of {size:,} MB", "ms", EXEC,
              partial(operations.reset_large_dataset, size), 5)
          for size in scale.megabytes),
        Row("system-calls", "system calls of a trivial step", "calls", BARE,
            operations.count_system_calls, 3),
        Row("instructions", "instructions of a trivial step", "million", BARE,
            operations.count_instructions, 3),
    ]  # fmt: skip


def _workspace(scale: Scale) -> str:
    files, size = scale.files
    return f"{files * size // 10**6} MB in {files:,} files"

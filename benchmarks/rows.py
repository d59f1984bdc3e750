"""The rows: what is measured. A row prepares an operation for each contender that can do it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import mle_gym
from benchmarks.contenders import Contender, Session
from benchmarks.growth import large_task
from benchmarks.measure import Operation, Skip, timed
from benchmarks.memory import Memory, descendants, free_share, memory
from benchmarks.programs import (
    IMPORTS,
    LOOK,
    TRAINING,
    episode_program,
    fill,
    naive_grade,
    run,
)
from benchmarks.trace import instructions, system_calls
from mle_gym.tasks.dataset import prepare

__all__ = ["Context", "Row", "Scale", "all_rows"]

TASK = "titanic"
BARE, SCRIPTED = ("bare bash", "bare python"), ("bare python",)
EXEC = ("docker exec", "bare python", "bare bash")
RESERVE = 0.2
"""Share of the machine's memory that is never taken."""
SOUND_SCORE = 0.7
"""An episode that scores less did something else than was meant."""


@dataclass(frozen=True)
class Scale:
    """How much is done: the whole thing, or just enough to see that everything works."""

    environments: int = 200
    idle: int = 4
    parallel: tuple[int, ...] = (1, 2, 8, 32)
    megabytes: tuple[int, ...] = (1, 100, 1000)
    files: tuple[int, int] = (2000, 100_000)
    """Number and bytes of the files in a workspace that is kept."""
    traced_steps: int = 20


QUICK = Scale(4, 1, (1, 2), (1, 10), (20, 100_000), 3)


@dataclass
class Context:
    """What the operations of one row share; its stack ends everything they opened."""

    scale: Scale
    stack: ExitStack
    first_of_ours: str = ""
    tasks: dict[int, str] = field(default_factory=dict)

    def session(self, contender: Contender, task: str = TASK) -> Session:
        """A session that ends with the row."""
        session = contender.open(task)
        self.stack.callback(session.close)
        return session

    def only_once(self, contender: Contender) -> None:
        """Skip all but one of our columns, where backends make no difference."""
        if contender.ours and contender.name != self.first_of_ours:
            raise Skip(f"see {self.first_of_ours}: no sandbox takes part")

    def large_task(self, megabytes: int) -> str:
        """The same one for every contender."""
        if megabytes not in self.tasks:
            self.tasks[megabytes] = self.stack.enter_context(large_task(megabytes))
        return self.tasks[megabytes]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    """What ``--only`` takes."""
    what: str
    unit: str
    baseline: tuple[str, ...]
    """Columns to compare with; the first that was measured is taken."""
    prepare: Callable[[Context, Contender], Operation]
    repeats: int
    higher_is_better: bool = False
    warm_up: bool = True


def all_rows(scale: Scale) -> list[Row]:
    """Every row at that scale."""
    return [
        Row("import", "import it in a new Python", "ms", SCRIPTED, _import, 10),
        Row("make", "gymnasium.make and close", "ms", (), _make, 50),
        Row("reset", "reset, dataset prepared", "ms", EXEC, _reset, 30),
        Row("trivial-step", "trivial step: `true`", "ms", BARE, _trivial, 200),
        Row("import-step", "step: import pandas, sklearn.ensemble", "ms", SCRIPTED,
            partial(_script, IMPORTS), 10),
        Row("training-step", "step: train a small random forest", "ms", SCRIPTED,
            partial(_script, TRAINING), 10),
        Row("episode", "a whole Titanic episode", "ms", EXEC, _episode, 10),
        Row("grading", "grade a Titanic submission", "ms", SCRIPTED, _grading, 30),
        Row("snapshot", f"snapshot: {_workspace(scale)}, 1 MB changed", "ms", BARE,
            partial(_keep, "snapshot"), 10),
        Row("fork", f"fork: {_workspace(scale)}, 1 MB changed", "ms", BARE,
            partial(_keep, "fork"), 10),
        Row("idle-pss", "memory of an idle environment, PSS", "MiB", BARE,
            partial(_memory, "pss", scale.idle, True), 3),
        Row("idle-uss", "memory of an idle environment, USS", "MiB", BARE,
            partial(_memory, "uss", scale.idle, True), 3),
        Row("many", f"memory of {scale.environments} that step, PSS", "MiB", BARE,
            partial(_memory, "pss", scale.environments, False), 1, warm_up=False),
        *(Row(f"throughput-{count}", f"Titanic episodes, {count} at once", "1/s", EXEC,
              partial(_throughput, count), 3, higher_is_better=True, warm_up=False)
          for count in scale.parallel),
        *(Row(f"reset-{size}-mb", f"reset, dataset of {size:,} MB", "ms", EXEC,
              partial(_large_reset, size), 5)
          for size in scale.megabytes),
        Row("system-calls", "system calls of a trivial step", "calls", BARE, _system_calls, 3),
        Row("instructions", "instructions of a trivial step", "million", BARE, _instructions, 3),
    ]  # fmt: skip


def _workspace(scale: Scale) -> str:
    files, size = scale.files
    return f"{files * size // 10**6} MB in {files:,} files"


# ------------------------------------------------------------------------------- before a session


def _import(context: Context, contender: Contender) -> Operation:
    contender.need("program")
    context.only_once(contender)
    return timed(partial(run, list(contender.program)))


def _make(context: Context, contender: Contender) -> Operation:
    make = contender.make
    if make is None:
        raise Skip("has no such step")
    return timed(lambda: make().close())  # type: ignore[attr-defined]


def _reset(context: Context, contender: Contender) -> Operation:
    contender.need("reset")
    return timed(context.session(contender).reset)


def _large_reset(megabytes: int, context: Context, contender: Contender) -> Operation:
    contender.need("reset")
    return timed(context.session(contender, context.large_task(megabytes)).reset)


# ------------------------------------------------------------------------------------------ steps


def _trivial(context: Context, contender: Contender) -> Operation:
    return timed(context.session(contender).trivial)


def _script(program: str, context: Context, contender: Contender) -> Operation:
    contender.need("python")
    session = context.session(contender)
    session.write("script.py", program)
    return timed(partial(session.script, "script.py"))


def _episode(context: Context, contender: Contender) -> Operation:
    contender.need("python")
    return timed(partial(_play, context.session(contender)))


def _play(session: Session) -> None:
    """Reset, look, write a program, run it, submit."""
    session.reset()
    session.shell(LOOK)
    session.write("train.py", episode_program())
    session.script("train.py")
    score = session.submit("submission.csv")
    if score < SOUND_SCORE:
        raise RuntimeError(f"the episode's score is {score}")


def _grading(context: Context, contender: Contender) -> Operation:
    contender.need("grading")
    context.only_once(contender)
    file = prepare(TASK).public / "sample_submission.csv"
    if contender.ours:
        return timed(lambda: mle_gym.grade(TASK, file.read_bytes()))
    return timed(partial(naive_grade, file))


# ------------------------------------------------------------------------------------------ state


def _keep(how: str, context: Context, contender: Contender) -> Operation:
    """Time ``snapshot`` or ``fork``; the one before lives until the next is there."""
    contender.need(how)
    files, size = context.scale.files
    session = context.session(contender)
    session.write("fill.py", fill("all", files, size))
    session.write("change.py", fill("changed", 10, 100_000))
    session.script("fill.py")
    kept: list[Callable[[], object]] = []
    context.stack.callback(lambda: [forget() for forget in kept])

    def operation() -> float:
        session.script("change.py")
        started = time.perf_counter()
        kept.append(getattr(session, how)())
        taken = (time.perf_counter() - started) * 1000
        if len(kept) > 1:
            kept.pop(0)()
        return taken

    return operation


# ----------------------------------------------------------------------------------------- memory


def _memory(kind: str, count: int, each: bool, context: Context, contender: Contender) -> Operation:
    """What so many sessions add, each after one step; of all together, or of ``each``."""

    def operation() -> float:
        with ExitStack() as stack:
            before = _held([])
            sessions = _open_many(contender, count, stack)
            for session in sessions:
                session.trivial()
            more = _held(sessions) - before
        return float(getattr(more, kind)) / (count if each else 1)

    return operation


def _held(sessions: list[Session]) -> Memory:
    gc.collect()
    return memory(descendants().union(*(session.processes() for session in sessions[:1])))


def _open_many(contender: Contender, count: int, stack: ExitStack) -> list[Session]:
    """Open them in parallel, while there is memory; they are closed in parallel with the stack."""
    sessions: list[Session] = []

    def close() -> None:
        with ThreadPoolExecutor(min(8, count)) as pool:
            list(pool.map(lambda session: session.close(), sessions))

    def open_one(_: int) -> None:
        if free_share() < RESERVE:
            raise Skip(f"{len(sessions)} of {count} take as much memory as this machine can spare")
        sessions.append(contender.open(TASK))

    stack.callback(close)
    with ThreadPoolExecutor(min(8, count)) as pool:
        list(pool.map(open_one, range(count)))
    return sessions


# ------------------------------------------------------------------------------------------ scale


def _throughput(count: int, context: Context, contender: Contender) -> Operation:
    """Episodes a second, with as many threads as sessions; opening them is not counted."""
    contender.need("python")
    rounds = max(2, 8 // count) if context.scale.environments > QUICK.environments else 1

    def operation() -> float:
        with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
            sessions = _open_many(contender, count, stack)
            started = time.perf_counter()
            list(pool.map(lambda session: [_play(session) for _ in range(rounds)], sessions))
            return count * rounds / (time.perf_counter() - started)

    return operation


# ---------------------------------------------------------------------------------------- counts


def _system_calls(context: Context, contender: Contender) -> Operation:
    return _counted(system_calls, context, contender)


def _instructions(context: Context, contender: Contender) -> Operation:
    return _counted(instructions, context, contender)


def _counted(
    count: Callable[[Callable[[], object], int, set[int]], float],
    context: Context,
    contender: Contender,
) -> Operation:
    if contender.through_daemon:
        raise Skip("the daemon's part of the work can't be told from what it does for others")
    session = context.session(contender)
    return lambda: count(session.trivial, context.scale.traced_steps, session.processes())

"""Prepares the operation of each row for a contender, or says why there is none."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import mle_gym
from benchmarks.contenders import Contender, Session
from benchmarks.context import QUICK, TASK, Context
from benchmarks.measure import Operation, Skip, timed
from benchmarks.memory import Memory, descendants, free_share, memory, named
from benchmarks.programs import (
    HOLDER,
    HOLDING,
    LOOK,
    MICRO,
    MICRO_PROGRAM,
    episode_program,
    fill,
    naive_grade,
    run,
)
from benchmarks.trace import instructions, system_calls
from mle_gym.datasets.prepare import prepare

__all__ = [
    "count_instructions",
    "count_system_calls",
    "grade_submission",
    "import_package",
    "live_cell",
    "make_and_close",
    "memory_of_program",
    "memory_of_sessions",
    "micro_episode",
    "reset_episode",
    "reset_large_dataset",
    "script_step",
    "snapshot_or_fork",
    "throughput",
    "throughput_of_micro_episodes",
    "trivial_step",
    "whole_episode",
]

RESERVE = 0.2
"""The share of the machine's memory that is never used."""
SOUND_SCORE = 0.7
"""An episode with a lower score did not do the work that is measured."""
SOUND_ERROR = 200.0
"""Kilograms: a micro episode with a larger error did not do it either."""


# ------------------------------------------------------------------------------- before a session


def import_package(context: Context, contender: Contender) -> Operation:
    """A new process that only imports."""
    contender.need("program")
    context.only_once(contender)
    return timed(partial(run, list(contender.program)))


def make_and_close(context: Context, contender: Contender) -> Operation:
    """``gymnasium.make`` and ``close``, with no episode between."""
    make = contender.make
    if make is None:
        raise Skip("has no such step")
    return timed(lambda: make().close())  # type: ignore[attr-defined]


def reset_episode(context: Context, contender: Contender) -> Operation:
    """The end of one episode and the beginning of the next."""
    contender.need("reset")
    return timed(context.session(contender).reset)


def reset_large_dataset(megabytes: int, context: Context, contender: Contender) -> Operation:
    """Like `reset_episode`, on a dataset of that size."""
    contender.need("reset")
    return timed(context.session(contender, context.large_task(megabytes)).reset)


# ------------------------------------------------------------------------------------------ steps


def trivial_step(context: Context, contender: Contender) -> Operation:
    """The smallest possible step."""
    return timed(context.session(contender).trivial)


def script_step(program: str, context: Context, contender: Contender) -> Operation:
    """A step that runs a Python program."""
    contender.need("python")
    session = context.session(contender)
    session.write("script.py", program)
    return timed(partial(session.script, "script.py"))


def live_cell(context: Context, contender: Contender) -> Operation:
    """The smallest possible cell in an interpreter that is there already."""
    contender.need("cells")
    session = context.session(contender)
    session.cell("0")
    return timed(partial(session.cell, "1+1"))


def micro_episode(in_a_cell: bool, context: Context, contender: Contender) -> Operation:
    """The smallest whole episode, with its program as a script or as a cell."""
    contender.need("cells" if in_a_cell else "python")
    play = _play_micro_in_a_cell if in_a_cell else _play_micro
    return timed(partial(play, context.session(contender, MICRO)))


def _play_micro(session: Session) -> None:
    """Reset, write a program that fits a line to 50 rows, run it, submit."""
    session.reset()
    session.write("train.py", MICRO_PROGRAM)
    session.script("train.py")
    _submit_micro(session)


def _play_micro_in_a_cell(session: Session) -> None:
    session.reset()
    session.cell(MICRO_PROGRAM)
    _submit_micro(session)


def _submit_micro(session: Session) -> None:
    error = session.submit("submission.csv")
    if error > SOUND_ERROR:
        raise RuntimeError(f"the episode's error is {error}")


def whole_episode(context: Context, contender: Contender) -> Operation:
    """One episode from reset to grade."""
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


def grade_submission(context: Context, contender: Contender) -> Operation:
    """The grading of a submission whose bytes are already read."""
    contender.need("grading")
    context.only_once(contender)
    file = prepare(TASK).public / "sample_submission.csv"
    if contender.ours:
        return timed(lambda: mle_gym.grade(TASK, file.read_bytes()))
    return timed(partial(naive_grade, file))


# ------------------------------------------------------------------------------------------ state


def snapshot_or_fork(how: str, context: Context, contender: Contender) -> Operation:
    """Time ``snapshot`` or ``fork``. Each one is kept until the next one exists."""
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


def memory_of_sessions(
    kind: str, count: int, each: bool, context: Context, contender: Contender
) -> Operation:
    """The memory that ``count`` sessions add, each after one step, in total or for ``each``."""

    def operation() -> float:
        with ExitStack() as stack:
            before = _held([])
            sessions = _open_many(contender, count, stack)
            for session in sessions:
                session.trivial()
            more = _held(sessions) - before
        return float(getattr(more, kind)) / (count if each else 1)

    return operation


def memory_of_program(context: Context, contender: Contender) -> Operation:
    """The USS that is added by one program with the usual libraries."""
    contender.need("python")
    session = context.session(contender)
    session.write("hold.py", HOLDING)

    def operation() -> float:
        before = _held([session])
        with ThreadPoolExecutor(1) as pool:
            program = pool.submit(session.script, "hold.py")
            while not (holders := named(HOLDER, _processes([session]))):
                if program.done():
                    program.result()
                    raise Skip("its programs can't be seen from outside")
                time.sleep(0.05)
            more = _held([session]) - before
            for pid in holders:
                os.kill(pid, signal.SIGUSR1)
            program.result()
        return more.uss

    return operation


def _held(sessions: list[Session]) -> Memory:
    gc.collect()
    return memory(_processes(sessions))


def _processes(sessions: list[Session]) -> set[int]:
    """This process, its descendants, and the processes that serve such sessions."""
    return descendants().union(*(session.processes() for session in sessions[:1]))


def _open_many(
    contender: Contender, count: int, stack: ExitStack, task: str = TASK
) -> list[Session]:
    """Open sessions in parallel, while there is memory. The stack closes them in parallel."""
    sessions: list[Session] = []

    def close() -> None:
        with ThreadPoolExecutor(min(8, count)) as pool:
            list(pool.map(lambda session: session.close(), sessions))

    def open_one(_: int) -> None:
        if free_share() < RESERVE:
            raise Skip(f"{len(sessions)} of {count} use all the memory that this machine can spare")
        sessions.append(contender.open(task))

    stack.callback(close)
    with ThreadPoolExecutor(min(8, count)) as pool:
        list(pool.map(open_one, range(count)))
    return sessions


# ------------------------------------------------------------------------------------------ scale


def throughput(count: int, context: Context, contender: Contender) -> Operation:
    """Episodes per second, with as many threads as sessions. Opening them is not counted."""
    contender.need("python")
    return _throughput(_play, TASK, count, 8, context, contender)


def throughput_of_micro_episodes(
    in_a_cell: bool, count: int, context: Context, contender: Contender
) -> Operation:
    """The same with micro episodes."""
    contender.need("cells" if in_a_cell else "python")
    play = _play_micro_in_a_cell if in_a_cell else _play_micro
    return _throughput(play, MICRO, count, 40, context, contender)


def _throughput(
    play: Callable[[Session], None],
    task: str,
    count: int,
    episodes: int,
    context: Context,
    contender: Contender,
) -> Operation:
    """Plays so many episodes, or at least two with each session."""
    rounds = max(2, episodes // count) if context.scale.environments > QUICK.environments else 1

    def play_all(session: Session) -> None:
        for _ in range(rounds):
            play(session)

    def operation() -> float:
        with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
            sessions = _open_many(contender, count, stack, task)
            started = time.perf_counter()
            list(pool.map(play_all, sessions))
            return count * rounds / (time.perf_counter() - started)

    return operation


# ---------------------------------------------------------------------------------------- counts


def count_system_calls(context: Context, contender: Contender) -> Operation:
    """System calls of a trivial step."""
    return _counted(system_calls, context, contender)


def count_instructions(context: Context, contender: Contender) -> Operation:
    """Instructions of a trivial step."""
    return _counted(instructions, context, contender)


def _counted(
    count: Callable[[Callable[[], object], int, set[int]], float],
    context: Context,
    contender: Contender,
) -> Operation:
    if contender.through_daemon:
        raise Skip("the daemon also works for others, and its share can't be separated")
    session = context.session(contender)
    return lambda: count(session.trivial, context.scale.traced_steps, session.processes())

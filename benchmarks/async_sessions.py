"""Plays many asyncio sessions at the same time, cancels them at random, and looks for what is left.

Sessions take environments from a pool, play episodes of every kind, and are cancelled at any
moment: in a reset, in a command, in a submission, while they think. Each round ends with all
sessions cancelled and all environments closed. Then the resources of this process and of all that
it started are counted, as in ``benchmarks.soak``, which must not grow from round to round.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import dataclasses
import faulthandler
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mle_gym
from benchmarks.soak import Sample, count, grown, print_samples, temporary_files_in
from mle_gym.episode.failures import KINDS
from mle_gym.wrappers import AsyncMLEEnv

HANG_SECONDS = 300.0
"""Without any call that ended in so long, something hangs."""
SUBMIT = "cp data/sample_submission.csv submission.csv; submit"
EXAMPLES = """
examples:
  python -m benchmarks.async_sessions                     256 sessions over 200 environments, 10 min
  python -m benchmarks.async_sessions --sessions 8 --environments 4 --minutes 0.5 --rounds 4

Exit code 1: something grew, something hung, or a failure had no label.
"""


@dataclasses.dataclass
class Found:
    """What was seen, in all rounds together."""

    episodes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """How episodes ended: ``graded``, ``cancelled``, ``abandoned``, or a failure's kind."""
    unlabelled: list[str] = dataclasses.field(default_factory=list)
    """Exceptions, and failures of no documented kind."""
    began: float = dataclasses.field(default_factory=time.monotonic)
    calls: int = 0
    last_call: float = dataclasses.field(default_factory=time.monotonic)
    cancellations: list[float] = dataclasses.field(default_factory=list)
    """Seconds from each cancellation to the end of its task."""
    lag: float = 0.0
    """The most seconds that the event loop was late."""

    def outcome(self, info: dict[str, Any]) -> str:
        """The label of an episode that ended."""
        failure = info["failure"]
        if failure is None:
            return "graded" if "grade" in info else self._odd("an end without grade and failure")
        kind = str(failure["kind"])
        return kind if kind in KINDS else self._odd(f"a failure of the kind {kind}")

    def _odd(self, what: str) -> str:
        self.unlabelled.append(what)
        return "unlabelled"


async def submits(step: Callable[[Any], Awaitable[bool]], rng: random.Random) -> None:
    """Look around, think, and submit."""
    await step("ls data; head -2 data/train.csv")
    await asyncio.sleep(rng.expovariate(1.0))
    await step({"tool": "write_file", "path": "notes.md", "content": "a plan\n"})
    await step(SUBMIT)


async def computes(step: Callable[[Any], Awaitable[bool]], rng: random.Random) -> None:
    """Use warm Python and a cell, and submit by a tool call."""
    await step("python -c 'import pandas; print(pandas.__name__)'")
    await step({"tool": "python", "code": f"sum(range({rng.randrange(10**6)}))"})
    await step({"tool": "submit", "path": "data/sample_submission.csv"})


async def waits(step: Callable[[Any], Awaitable[bool]], rng: random.Random) -> None:
    """Run something long, with programs in the background."""
    await step("sleep 1000 & setsid sleep 1000 & head -c 1M /dev/urandom > noise")
    await step(f"sleep {rng.uniform(0, 20):.2f}")


async def errs(step: Callable[[Any], Awaitable[bool]], rng: random.Random) -> None:
    """Make mistakes until the steps are spent."""
    while not await step(rng.choice([{"tool": "nothing"}, "exit 3", "cat missing"])):
        pass


KINDS_OF_EPISODES = (submits, computes, waits, errs)


async def episode(env: AsyncMLEEnv, found: Found, rng: random.Random) -> str:
    """Play one episode, which may end anywhere, and return how it ended."""
    await env.reset(seed=rng.randrange(2**31))
    found.calls, found.last_call = found.calls + 1, time.monotonic()
    ended = ""

    async def step(action: Any) -> bool:
        nonlocal ended
        *_, terminated, truncated, info = await env.step(action)
        found.calls, found.last_call = found.calls + 1, time.monotonic()
        if terminated or truncated:
            ended = found.outcome(info)
        return bool(ended)

    await rng.choice(KINDS_OF_EPISODES)(step, rng)
    return ended or "abandoned"


async def session(pool: asyncio.Queue[AsyncMLEEnv], found: Found, rng: random.Random) -> None:
    """Play episodes for ever, each in an environment that is free."""
    while True:
        env = await pool.get()
        try:
            found.episodes[await episode(env, found, rng)] += 1
        except asyncio.CancelledError:
            found.episodes["cancelled"] += 1
            raise
        except Exception as error:
            found.unlabelled.append(f"{type(error).__name__}: {error}")
            found.episodes["unlabelled"] += 1
        finally:
            pool.put_nowait(env)


async def play_round(
    options: argparse.Namespace, threads: Executor, found: Found, rng: random.Random
) -> None:
    """Keep all sessions going for a round, cancelling them at random, and close everything."""
    pool: asyncio.Queue[AsyncMLEEnv] = asyncio.Queue()
    envs = [make(options, number, threads) for number in range(options.environments)]
    for env in envs:
        pool.put_nowait(env)
    sessions = [start(pool, found, rng) for _ in range(options.sessions)]
    watch = asyncio.create_task(watch_loop(found))
    end = time.monotonic() + 60 * options.minutes / options.rounds
    while time.monotonic() < end:
        await asyncio.sleep(rng.expovariate(options.cancellations))
        number = rng.randrange(len(sessions))
        await cancel(sessions[number], found)
        sessions[number] = start(pool, found, rng)
    await asyncio.gather(*(cancel(each, found) for each in sessions))
    watch.cancel()
    await asyncio.gather(*(env.close() for env in envs))


def make(options: argparse.Namespace, number: int, threads: Executor) -> AsyncMLEEnv:
    """One of the environments, whose tasks take turns."""
    task = options.tasks[number % len(options.tasks)]
    env = mle_gym.make(task, sandbox=options.sandbox, max_steps=6, clock="commands")
    return AsyncMLEEnv(env, threads)


def start(pool: asyncio.Queue[AsyncMLEEnv], found: Found, rng: random.Random) -> asyncio.Task[None]:
    """Start a session with a generator of its own."""
    return asyncio.create_task(session(pool, found, random.Random(rng.random())))


async def cancel(task: asyncio.Task[None], found: Found) -> None:
    """Cancel a session, and note how long that takes."""
    began = time.monotonic()
    task.cancel()
    await asyncio.wait([task])
    found.cancellations.append(time.monotonic() - began)


async def watch_loop(found: Found) -> None:
    """Note how late the event loop is; end the program, with all stacks, if nothing happens."""
    found.last_call = time.monotonic()
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.1)
        found.lag = max(found.lag, time.monotonic() - before - 0.1)
        if time.monotonic() - found.last_call > HANG_SECONDS:
            print(f"it hangs: no call has ended for {HANG_SECONDS:g} s", file=sys.stderr)
            faulthandler.dump_traceback(all_threads=True)
            os._exit(1)


def report(options: argparse.Namespace, found: Found, samples: list[Sample]) -> dict[str, Any]:
    """The figures, for the file and for people."""
    delays = sorted(found.cancellations)
    load = os.getloadavg()[1]
    return {
        "version": mle_gym.__version__,
        "settings": {**vars(options), "out": str(options.out)},
        "load": round(load, 1),
        "processors": len(os.sched_getaffinity(0)),
        "seconds": round(time.monotonic() - found.began),
        "processor_seconds": round(time.process_time()),
        "calls": found.calls,
        "episodes": dict(found.episodes.most_common()),
        "unlabelled": found.unlabelled,
        "cancellations": len(delays),
        "cancellation_ms": {
            "median": round(1000 * delays[len(delays) // 2], 2),
            "p99": round(1000 * delays[int(len(delays) * 0.99)], 2),
            "most": round(1000 * delays[-1], 2),
        },
        "event_loop_lag_ms": round(1000 * found.lag, 1),
        "samples": [dataclasses.asdict(sample) for sample in samples],
        "grew": grown(samples),
    }


def settled(episodes: int) -> Sample:
    """A count once nothing is freed any more, or after 30 s: sandboxes end by themselves."""
    last = count(episodes)
    for _ in range(60):
        time.sleep(0.5)
        now = count(episodes)
        if dataclasses.replace(now, memory_mb=last.memory_mb) == last:
            return now
        last = now
    return last


def main(arguments: list[str] | None = None) -> int:
    """Play all rounds, count after each, and report."""
    options = _parser().parse_args(arguments)
    found, rng = Found(), random.Random(options.seed)
    samples = []
    with (
        tempfile.TemporaryDirectory() as folder,
        temporary_files_in(folder),
        ThreadPoolExecutor(options.threads) as threads,
    ):
        everyone = threading.Barrier(options.threads)
        list(threads.map(lambda _: everyone.wait(), range(options.threads)))  # all have started
        for _ in range(options.rounds):
            asyncio.run(play_round(options, threads, found, rng))
            samples.append(settled(found.episodes.total()))
    figures = report(options, found, samples)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "async_sessions.json"
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print_samples(samples)
    for name in ("calls", "episodes", "cancellations", "cancellation_ms", "event_loop_lag_ms"):
        print(f"{name}: {figures[name]}")
    print(
        f"{figures['processor_seconds']} of {figures['seconds']} s on a processor, load average "
        f"{figures['load']} on {figures['processors']} processors; written: {path}"
    )
    for name in ("grew", "unlabelled"):
        for line in figures[name]:
            print(f"{name}: {line}")
    return int(bool(figures["grew"] or figures["unlabelled"]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.async_sessions",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--sessions", type=int, default=256, help="at the same time (default: 256)")
    add("--environments", type=int, default=200, help="that they share (default: 200)")
    add("--minutes", type=float, default=10.0, help="of play in all rounds (default: 10)")
    add("--rounds", type=int, default=10, help="with a count after each (default: 10)")
    add("--threads", type=int, default=32, help="that make the calls (default: 32)")
    add("--cancellations", type=float, default=5.0, help="in a second (default: 5)")
    add("--tasks", nargs="+", default=["zoo", "wine"], metavar="TASK")
    add("--sandbox", default="bubblewrap")
    add("--seed", type=int, default=0)
    add("--out", type=Path, default=Path("runs/async-sessions"), metavar="DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())

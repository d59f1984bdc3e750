"""What an evaluation costs beside the same episodes in a bare loop.

Both play as many one-second episodes, as many at a time: `mle_gym.evaluation.evaluate` with its
plan, its records, its audits and its processes, and a pool of processes that call
`mle_gym.rollout` and keep the trajectory. Prints the ratio of their times, in alternation.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

import mle_gym
from mle_gym.evaluation import AgentEntry, Plan, evaluate
from mle_gym.evaluation.local_engine import Capacity, LocalEngine

EXAMPLES = """
example:
  python -m benchmarks.evaluation_overhead --episodes 40 --rounds 3
"""
SECOND = "sleep 1; cp data/sample_submission.csv submission.csv && submit"


class OneSecond:
    """An agent whose episode takes a second."""

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Nothing to prepare."""

    def act(self, observation: Any, info: dict[str, Any]) -> str:
        """Wait for a second, and hand the sample in."""
        return SECOND


def main() -> None:
    """Measure both in alternation, and print the ratio of their medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--task", default="titanic", help="default: titanic")
    parser.add_argument("--episodes", type=int, default=40, metavar="N", help="default: 40")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="at a time; default: 2")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of each; default: 3")
    args = parser.parse_args()
    mle_gym.prepare(args.task)
    bare, evaluation = [], []
    for _ in range(args.rounds):
        bare.append(timed(play_bare, args))
        evaluation.append(timed(play_evaluation, args))
    ratio = statistics.median(evaluation) / statistics.median(bare)
    Console().print(
        f"{args.episodes} episodes of a second, {args.jobs} at a time: a bare loop takes "
        f"{statistics.median(bare):.1f} s, an evaluation {statistics.median(evaluation):.1f} s, "
        f"{ratio:.2f} times as much"
    )


def timed(play: Any, args: argparse.Namespace) -> float:
    """Seconds that it takes in a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        play(args, Path(folder))
        return time.perf_counter() - began


def play_bare(args: argparse.Namespace, folder: Path) -> None:
    """Processes that share the episodes evenly."""
    context = multiprocessing.get_context("spawn")
    shares = [range(at, args.episodes, args.jobs) for at in range(args.jobs)]
    processes = [
        context.Process(target=play_share, args=(args.task, share, folder)) for share in shares
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def play_share(task: str, seeds: range, folder: Path) -> None:
    """Play one episode after the other."""
    for seed in seeds:
        with contextlib.closing(mle_gym.make(task, reward="anchored", score_ci=True)) as env:
            mle_gym.rollout(env, OneSecond(), seed=seed, path=folder / f"{seed}.jsonl")


def play_evaluation(args: argparse.Namespace, folder: Path) -> None:
    """The same as an evaluation."""
    agent = AgentEntry(name="one-second", agent=f"{__file__}:OneSecond")
    plan = Plan(agents=(agent,), tasks=(args.task,), seeds=tuple(range(args.episodes)))
    engine = LocalEngine(jobs=args.jobs, capacity=Capacity(1e9, 1e9))
    evaluate(plan, folder / "run", engine=engine)


if __name__ == "__main__":
    main()
